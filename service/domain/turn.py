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
from service.domain.commands import Envelope
from service.domain.decision import Audit, Event, Guard, Postponed
from service.domain.effects import Call, Effect, Owed
from service.domain.plan import Plan, StepPlan
from service.domain.state import Run, RunState, StepRun, StepState, changed


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
        self.events: list[Event] = []
        self.owed: list[Effect] = []
        self.settled: list[Owed] = []
        self.postponed: list[Postponed] = []
        self.guards: list[Guard] = []
        self.audits: list[Audit] = []

    # --- one command at a time ---------------------------------------------------------------------------------

    def begin(self, envelope: Envelope) -> Mark:
        self.actor, self.cause, self.guarded = envelope.actor, envelope.cause, envelope.guarded
        return Mark(self.run, tuple(len(kept) for kept in self._lists()))

    def back_to(self, mark: Mark) -> None:
        self.run = mark.run
        for kept, length in zip(self._lists(), mark.lengths, strict=True):
            del kept[length:]

    def _lists(self) -> tuple[list[Any], ...]:
        return (self.events, self.owed, self.settled, self.postponed, self.guards, self.audits)

    # --- reading -----------------------------------------------------------------------------------------------

    def step(self, step_id: str) -> StepRun:
        return self.run.steps[step_id]

    def planned(self, step_id: str) -> StepPlan:
        return self.plan.steps[step_id]

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    # --- changing ----------------------------------------------------------------------------------------------

    def move(self, step_id: str, state: StepState, operation: str, **changes: Any) -> StepRun:
        """Moves a step (or only changes it, when the state stays) and tells so in one event."""
        before = self.step(step_id)
        transitions.check(transitions.STEP, before.state, state)
        if state is not before.state:
            changes |= self._stamps(before, state, changes)
        step = changed(before, state=state, **changes)
        total = self.run.total_cost_usd + (step.cost_usd - before.cost_usd)
        self._emit("step", operation, step, steps={**self.run.steps, step_id: step}, total_cost_usd=total)
        return step

    def link(self, step_id: str, **changes: Any) -> StepRun:
        """Notes something on an open or ended step without moving it."""
        return self.move(step_id, self.step(step_id).state, "updated", **changes)

    def move_run(self, state: RunState, operation: str, **changes: Any) -> None:
        transitions.check(transitions.RUN, self.run.state, state)
        changes["completed_at"] = self.now if state.terminal else None
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

    def owe(self, step: StepRun, call: Call, again: str = "") -> None:
        """Asks for a call on behalf of a step's attempt; `again` tells a second call of the same kind apart."""
        parts = (step.step_id, str(step.attempt), type(call).__name__, again)
        self.owed.append(Effect("/".join(part for part in parts if part), step.step_id, step.attempt, call))

    def audit(self, step_id: str, command: str, reason: str, message: str) -> None:
        self.audits.append(Audit(step_id, command, reason, message, self.actor, self.cause))

    def _stamps(self, before: StepRun, state: StepState, changes: dict[str, Any]) -> dict[str, Any]:
        if state.open:
            return {"started_at": before.started_at or self.now, "completed_at": None, "retry_at": None}
        stamps: dict[str, Any] = {"deadline_at": None, "completed_at": self.now if state.terminal else None}
        if "retry_at" not in changes:
            stamps["retry_at"] = None
        return stamps

    def _emit(self, aggregate: str, operation: str, step: StepRun | None = None, **changes: Any) -> None:
        """Changes the run's row and tells so."""
        self.run = changed(self.run, sequence=self.run.sequence + 1, **changes)
        event = Event(self.run.sequence, aggregate, operation, self.now, self.actor, self.cause, self.run, step)
        self.events.append(event)


def attempt_cost(step: StepRun, cost: Decimal | None) -> Decimal:
    """The step's cost when this attempt's total is `cost`; unchanged when nothing was said."""
    return step.cost_usd if cost is None else step.settled_cost_usd + cost
