"""People and agents in the simulated world: they work on what waits for them, and sometimes change their minds.

While the world is ill they also pause, resume, cancel, retry, skip and compensate at random; when it has healed they
only do what brings runs to their end.
"""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

from service.domain.commands import (
    BusEvent,
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
        self._said = 0

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
            case StepType.WAIT_FOR_EVENT if self._often():
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
        if self._seldom():
            step_id = self._random.choice([*run.steps])
            moods: list[Command] = [
                PauseRun("wait"),
                ResumeRun(),
                CancelRun("no more"),
                CompensateRun("take it back"),
                RetryStep(step_id, "again"),
                SkipStep(step_id, "not needed"),
            ]
            yield self._random.choice(moods)

    def _happens(self) -> None:
        """Something that runs may wait for; the same thing may be said twice."""
        self._said += self._often()
        self._world.bus.say(BusEvent(f"x_{self._said}", "tap", "x.y", WORKSPACE, payload={"pick": 1.0}))

    def _envelope(self, command: Command) -> Envelope:
        """Sometimes under a key that was used before, sometimes without one."""
        key = f"rpc:{type(command).__name__}/{self._random.randrange(50)}"
        return Envelope(command, "user:ann", key, guarded=self._often(), digest=repr(command).encode())

    def _often(self) -> bool:
        return bool(self._random.random() < 0.7)

    def _seldom(self) -> bool:
        return bool(self._random.random() < 0.15)
