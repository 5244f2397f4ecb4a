"""What a run is waiting for: one sentence, and step by step whatever could move it.

Derived from the state and from the calls it owes, so it cannot disagree with them. A step that has ended, or will never
begin because the run fails, is not mentioned; a run that has ended waits for nothing. Called for operators, through the
edge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.calls import CancelChild, CancelObjective, QueryUsage
from service.domain.compensation import left_to_undo
from service.domain.plan import Plan
from service.domain.state import Run, RunState, StepRun, StepState, step_of
from service.domain.turn import Turn
from service.domain.waiting import Waiting, waits_of

MOST_IN_SUMMARY = 3
_NOTHING_WAITS_FOR = frozenset({CancelChild.__name__, CancelObjective.__name__, QueryUsage.__name__})
_TROUBLES = frozenset({"sibling", "breaker"})
_FOLLOWS = frozenset({"predecessors", "later_steps", "compensation", "children"})
"""Waits for other steps of the run, which say themselves what they wait for."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A call that is owed: how often it was tried in vain, what was met last, and when it is tried (again)."""

    step_id: str
    kind: str
    tries: int
    last_error: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class StepExplained:
    """`since` is when the step first began; None when it has not."""

    step_id: str
    state: StepState
    since: datetime | None
    waits: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    summary: str
    steps: tuple[StepExplained, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A run, what it waits for, and the calls it owes."""

    run: Run
    explained: Explained
    owed: Sequence[Tried]


def explain(plan: Plan, run: Run, owed: Sequence[Tried], now: datetime) -> Explained:
    turn = Turn(plan, run, now)
    steps = tuple(_explained(turn, step, owed) for step in _unfinished(turn))
    return Explained(_summary(run, steps), steps)


def _unfinished(turn: Turn) -> list[StepRun]:
    run = turn.run
    if run.state.terminal:
        return []
    if run.state is RunState.COMPENSATING:
        left = left_to_undo(turn.plan, run)
        return [step for key, step in run.steps.items() if key in left or _undoes(turn, step)]
    return [step for step in run.steps.values() if not step.state.terminal and (step.attempt or not run.failing)]


def _undoes(turn: Turn, step: StepRun) -> bool:
    return step.step_id in turn.plan.graph.compensation and not step.state.terminal


def _explained(turn: Turn, step: StepRun, owed: Sequence[Tried]) -> StepExplained:
    waits = (*waits_of(turn, step), *_troubles(step, owed))
    return StepExplained(step.step_id, step.state, step.started_at, waits)


def _troubles(step: StepRun, owed: Sequence[Tried]) -> Iterable[Waiting]:
    """Calls that do not get through, those of many items that meet the same thing as one."""
    alike: dict[tuple[str, str], list[Tried]] = {}
    for call in owed:
        if call.tries and step_of(call.step_id) == step.step_id and call.kind not in _NOTHING_WAITS_FOR:
            alike.setdefault((call.kind, call.last_error), []).append(call)
    for (kind, error), calls in alike.items():
        tries = max(call.tries for call in calls)
        word = "breaker" if error.startswith("breaker_open") else "sibling"
        what = f"{kind} to get through, tried {tries} times ({error})"
        details = {"call": kind, "calls": len(calls), "tries": tries, "error": error}
        yield Waiting(word, what, "the sibling answers", min(call.due_at for call in calls), details)


# --- in one sentence -------------------------------------------------------------------------------------------------


def _summary(run: Run, steps: Sequence[StepExplained]) -> str:
    if run.state.terminal:
        return f"the run is {run.state}" + (f": {run.failure_message}" if run.failure_message else "")
    if run.state is RunState.PAUSED:
        return f"paused by {_pausers(run)}; " + ("nothing is in flight" if run.drained else "what is in flight goes on")
    if run.failing:
        return f"failing ({run.failure_message}); what is in flight comes home first"
    said = [f"{step.step_id} waits for {wait.what}" for step in steps for wait in _telling(step)]
    more = f"; and {len(said) - MOST_IN_SUMMARY} more" if len(said) > MOST_IN_SUMMARY else ""
    undoing = "undoing: " if run.state is RunState.COMPENSATING else ""
    return undoing + "; ".join(said[:MOST_IN_SUMMARY]) + more


def _pausers(run: Run) -> str:
    return ", ".join(
        f"{said['by']} ({said['reason']})" if said["reason"] else str(said["by"]) for said in run.pauses.values()
    )


def _telling(step: StepExplained) -> list[Waiting]:
    """The wait that says most about a step: trouble, else the first; none when it only follows other steps."""
    waits = [wait for wait in step.waits if wait.kind not in _FOLLOWS]
    return sorted(waits, key=lambda wait: wait.kind not in _TROUBLES)[:1]
