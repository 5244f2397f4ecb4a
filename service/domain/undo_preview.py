"""What a compensation would undo, told before anybody asks for it: step by step, in the order it would go.

Asks `compensation` which steps and in which order, and `undoing` which child runs, so it says what would be done.
Called by the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain import undoing
from service.domain.compensation import levels
from service.domain.plan import Plan
from service.domain.state import Run, StepState


@dataclass(frozen=True, slots=True)
class ToUndo:
    """A step that a compensation would undo: by which step of its own version, or by which child runs' compensation."""

    step_id: str
    state: StepState
    compensation_step_id: str
    child_run_ids: Sequence[str]
    attempted_before: bool


def to_undo(plan: Plan, run: Run) -> list[list[ToUndo]]:
    """Level by level: steps of one level are undone together."""
    return [[_to_undo(plan, run, step_id) for step_id in level] for level in levels(plan, run)]


def _to_undo(plan: Plan, run: Run, step_id: str) -> ToUndo:
    step, planned = run.steps[step_id], plan.steps[step_id]
    by = planned.definition.compensation_step_id
    return ToUndo(
        step_id=step_id,
        state=step.state,
        compensation_step_id=by,
        child_run_ids=() if by else undoing.children(planned, step),
        attempted_before=bool(undoing.words(step)) or by in run.steps,
    )
