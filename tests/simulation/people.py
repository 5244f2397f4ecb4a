"""People and agents in the simulated world: they work on what waits for them, and sometimes change their minds.

While the world is ill they also pause, resume, cancel, retry, skip and compensate at random; when it has healed they
only do what brings runs to their end.
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from service.domain.bus_event import BusEvent
from service.domain.commands import (
    CancelRun,
    Command,
    CompensateRun,
    CompleteTask,
    Envelope,
    PauseRun,
    RejectTask,
    ResumeRun,
    RetryStep,
    SkipStep,
    TransitionStep,
)
from service.domain.definition import StepType
from service.domain.state import Run, RunState, StepRun, StepState
from tests.simulation.siblings import WORKSPACE
from tests.simulation.world import World


class People:
    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._last = "x"
        self._said_at: datetime | None = None

    async def work(self) -> None:
        while True:
            await asyncio.sleep(self._world.dice.between(0.2, 2.0))
            for run in [*self._world.tables.runs.values()]:
                for command in [*self._wanted(run)]:
                    await self._world.submit(run.id, self._envelope(command))

    def _wanted(self, run: Run) -> Iterator[Command]:
        if not self._world.dice.healed:
            yield from self._moods(run)
        elif run.state is RunState.PAUSED:
            yield ResumeRun()
        for step in run.steps.values():
            if step.state.open:
                yield from self._on(run, step)

    def _on(self, run: Run, step: StepRun) -> Iterator[Command]:
        match step.step_type:
            case StepType.HUMAN_TASK if self._often():
                yield self._end_task(step)
            case StepType.WAIT_FOR_EVENT if self._needs_news(run):
                self._happens()
            case StepType.AGENT_ACTION if self._seldom():
                yield self._report(step)
            case _:
                return

    def _end_task(self, step: StepRun) -> Command:
        match self._random.randrange(4):
            case 0:
                return RejectTask(step.step_id, 0, "ann", "no")
            case 1:
                return TransitionStep(step.step_id, StepState.COMPLETED, output_payload={"pick": 2.0})
            case _:
                return CompleteTask(step.step_id, 0, "ann", {"pick": 1.0})

    def _report(self, step: StepRun) -> Command:
        state = self._random.choice([StepState.COMPLETED, StepState.FAILED, StepState.RUNNING])
        cost = self._random.choice([None, Decimal("0.2")])
        objective = step.objective_id if self._often() else ""
        return TransitionStep(step.step_id, state, objective_id=objective, cost_usd=cost)

    def _moods(self, run: Run) -> Iterator[Command]:
        """Mostly what fits the state, and now and then what does not."""
        if self._seldom():
            ended = run.state in (RunState.FAILED, RunState.CANCELLED)
            yield self._random.choice(self._about_the_end(run) if ended else self._about_going_on(run))

    def _about_the_end(self, run: Run) -> list[Command]:
        step_id = self._random.choice([*run.steps])
        undo = CompensateRun("take it back")
        return [undo, undo, undo, RetryStep(step_id, "again"), SkipStep(step_id, "not needed"), ResumeRun()]

    def _about_going_on(self, run: Run) -> list[Command]:
        skip = SkipStep(self._random.choice([*run.steps]), "not needed")
        return [PauseRun("wait"), PauseRun("wait"), ResumeRun(), CancelRun("no more"), skip, CompensateRun("too early")]

    def _needs_news(self, run: Run) -> bool:
        """In a healed world nothing happens twice: what happened since the run began must find it, unless it did."""
        if not self._world.dice.healed:
            return self._often()
        began = run.started_at is None or self._said_at is None or run.started_at > self._said_at
        return began or any(step.event_id == self._last for step in run.steps.values())

    def _happens(self) -> None:
        """Something that runs may wait for; in an ill world the same thing may be said twice."""
        event_id = f"x_{self._world.random.randrange(1_000_000)}"
        if not self._world.dice.healed and not self._often():
            event_id = self._last
        said = self._world.bus.say(BusEvent(event_id, "tap", "x.y", WORKSPACE, payload={"pick": 1.0}))
        if said and event_id != self._last:
            self._last, self._said_at = event_id, self._world.tables.now()

    def _envelope(self, command: Command) -> Envelope:
        """Sometimes under a key that was used before, sometimes without one."""
        key = f"rpc:{type(command).__name__}/{self._random.randrange(50)}"
        return Envelope(command, "user:ann", key, guarded=self._often(), digest=repr(command).encode())

    def _often(self) -> bool:
        return bool(self._random.random() < 0.7)

    def _seldom(self) -> bool:
        return bool(self._random.random() < 0.2)
