"""One turn of the wheel: a draft of a run that collects what a decision changes.

Every rule works through a `Turn`: it reads `turn.run`, moves steps and asks for effects; the tables of `transitions`
are consulted at each move, each change becomes one numbered event, costs are summed, times are stamped. `mark` and
`back_to` undo the work of a command that was refused halfway, so that the ones folded with it are not harmed.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from service.domain import transitions
from service.domain.calls import Call
from service.domain.commands import Envelope
from service.domain.decision import Audit, Event, Guard, Interaction, Postponed
from service.domain.definition import Payload
from service.domain.effects import Effect, Owed
from service.domain.plan import Plan, StepPlan
from service.domain.state import Run, RunState, StepRun, StepState, TaskStatus, changed, items_prefix, step_of

_TASK_ENDS = {StepState.COMPLETED.value: TaskStatus.COMPLETED, "task_rejected": TaskStatus.REJECTED}


class Mark(NamedTuple):
    """Where a turn stood: the run and how long each list was."""

    run: Run
    lengths: tuple[int, ...]


class Turn:
    def __init__(self, plan: Plan, run: Run, now: datetime) -> None:
        self.plan = plan
        self.run = run
        self.now = now
        self.actor = ""
        self.cause = ""
        self.guarded = False
        self.trace = ""
        self.events: list[Event] = []
        self.owed: list[Effect] = []
        self.settled: list[Owed] = []
        self.postponed: list[Postponed] = []
        self.guards: list[Guard] = []
        self.audits: list[Audit] = []
        self.interactions: list[Interaction] = []

    # --- one command at a time ---------------------------------------------------------------------------------

    def begin(self, envelope: Envelope) -> Mark:
        self.actor, self.cause, self.guarded = envelope.actor, envelope.cause, envelope.guarded
        self.trace = envelope.trace
        return Mark(self.run, tuple(len(kept) for kept in self._lists()))

    def back_to(self, mark: Mark) -> None:
        self.run = mark.run
        for kept, length in zip(self._lists(), mark.lengths, strict=True):
            del kept[length:]

    def _lists(self) -> tuple[list[Any], ...]:
        return (self.events, self.owed, self.settled, self.postponed, self.guards, self.audits, self.interactions)

    # --- reading -----------------------------------------------------------------------------------------------

    def step(self, key: str) -> StepRun:
        """A step by its id, or an item by its key."""
        return self.run.items[key] if key in self.run.items else self.run.steps[key]

    def planned(self, key: str) -> StepPlan:
        return self.plan.steps[step_of(key)]

    def items(self, step_id: str) -> list[StepRun]:
        """The items of a step, in order."""
        prefix = items_prefix(step_id)
        return [item for key, item in self.run.items.items() if key.startswith(prefix)]

    def everything(self) -> list[StepRun]:
        """All steps, then all items."""
        return [*self.run.steps.values(), *self.run.items.values()]

    def supposing(self, step: StepRun) -> "Turn":
        """The run as it would be with this step, for reading alone: edges see their source as it ends."""
        return Turn(self.plan, changed(self.run, steps={**self.run.steps, step.step_id: step}), self.now)

    @property
    def moment(self) -> str:
        """Tells a question that is asked again and again apart from the one before."""
        return f"{self.now:%Y%m%dT%H%M%S}"

    def due(self, at: datetime | None) -> bool:
        """Has that moment come? Never, for none."""
        return at is not None and at <= self.now

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    # --- changing ----------------------------------------------------------------------------------------------

    def move(self, key: str, state: StepState, operation: str, **changes: Any) -> StepRun:
        """Moves a step or an item (or only changes it, when the state stays) and tells so in one event."""
        before = self.step(key)
        transitions.check(transitions.STEP, before.state, state)
        if state is not before.state:
            changes |= self._stamps(before, state, changes)
        step = changed(before, state=state, **changes)
        if key in self.run.items:
            self._keep_item(before, step)
            return step
        if key in self.run.tasks and step.state.terminal:
            self._close_task(step)
        self._tell(operation, step, step.cost_usd - before.cost_usd)
        return step

    def link(self, key: str, **changes: Any) -> StepRun:
        """Notes something on an open or ended step without moving it."""
        return self.move(key, self.step(key).state, "updated", **changes)

    def arm(self, key: str, **alarms: datetime | None) -> StepRun:
        """Sets alarms, or takes them off (None). Nobody is told: an alarm is bookkeeping of the clock."""
        before = self.step(key)
        armed = {name: at for name, at in {**before.alarms, **alarms}.items() if at is not None}
        if armed == before.alarms:
            return before
        step = changed(before, alarms=armed)
        held = "items" if key in self.run.items else "steps"
        self.change_run(**{held: {**getattr(self.run, held), key: step}})
        return step

    def move_run(self, state: RunState, operation: str, **changes: Any) -> None:
        transitions.check(transitions.RUN, self.run.state, state)
        changes["completed_at"] = self.now if state.terminal else None
        if state is not RunState.PAUSED:
            changes["pauses"] = {}
        self._emit("run", operation, state=state, **changes)

    def change_run(self, **changes: Any) -> None:
        """Changes the run's row without an event of its own."""
        self.run = changed(self.run, **changes)

    def tell_started(self) -> None:
        self._emit("run", "started")

    def show_in_first_event(self) -> None:
        """`run.started` shows the steps as the start left them: whoever hears only that knows where the run stands."""
        first = self.events[0]
        self.events[0] = replace(first, run=changed(first.run, steps=self.run.steps))

    def owe(self, step: StepRun, call: Call, again: str = "", delay_seconds: float = 0.0) -> None:
        """Asks for a call on behalf of a step's attempt; `again` tells a second call of the same kind apart."""
        parts = (step.step_id, str(step.attempt), type(call).__name__, again)
        effect_id = "/".join(part for part in parts if part)
        self.owed.append(Effect(effect_id, step.step_id, step.attempt, call, delay_seconds, self.trace))

    def owe_for_run(self, call: Call) -> None:
        """Asks for a call that the run itself owes, at most one of its kind per event."""
        self.owed.append(Effect(f"{type(call).__name__}/{self.run.sequence}", "", 0, call, trace=self.trace))

    def say(self, key: str, kind: str, author: str, text: str, body: Payload | None = None) -> None:
        """Adds to the run's conversation."""
        self.interactions.append(Interaction(key, kind, author, text, body or {}))

    def audit(self, step_id: str, command: str, reason: str, message: str) -> None:
        self.audits.append(Audit(step_id, command, reason, message, self.actor, self.cause))

    def _stamps(self, before: StepRun, state: StepState, changes: dict[str, Any]) -> dict[str, Any]:
        if state.open:
            return {"started_at": before.started_at or self.now, "completed_at": None, "retry_at": None}
        ended = self.now if state.terminal else None
        stamps: dict[str, Any] = {"deadline_at": None, "alarms": {}, "completed_at": ended}
        if "retry_at" not in changes:
            stamps["retry_at"] = None
        return stamps

    def _keep_item(self, before: StepRun, item: StepRun) -> None:
        """An item is not on the wire: its step tells what was spent on it, and that it has ended."""
        self.change_run(items={**self.run.items, item.step_id: item})
        spent = item.cost_usd - before.cost_usd
        if spent or (before.state.open and item.state.terminal):
            step = self.run.steps[step_of(item.step_id)]
            self._tell("updated", changed(step, cost_usd=step.cost_usd + spent), spent)

    def _close_task(self, step: StepRun) -> None:
        """A task ends with its step, however that came about."""
        task = self.run.tasks[step.step_id]
        if task.closed_at is None:
            status = _TASK_ENDS.get(step.error_reason or step.state, TaskStatus.CANCELLED)
            ended = changed(task, status=status, version=task.version + 1, closed_at=self.now)
            self.change_run(tasks={**self.run.tasks, task.step_id: ended})

    def _tell(self, operation: str, step: StepRun, spent: Decimal) -> None:
        total = self.run.total_cost_usd + spent
        self._emit("step", operation, step, steps={**self.run.steps, step.step_id: step}, total_cost_usd=total)

    def _emit(self, aggregate: str, operation: str, step: StepRun | None = None, **changes: Any) -> None:
        """Changes the run's row and tells so."""
        self.run = changed(self.run, sequence=self.run.sequence + 1, **changes)
        number, by, why = self.run.sequence, self.actor, self.cause
        self.events.append(Event(number, aggregate, operation, self.now, by, why, self.run, step, self.trace))
