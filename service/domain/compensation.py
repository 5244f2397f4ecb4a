"""Undoing what a run did: which steps, in which order, and what it comes to.

Undone are the steps that COMPLETED and those that were attempted and FAILED, since their effect is unknown, and child
runs that were cancelled half-way; in reverse order of the graph: a step only when every later one that has to be undone
is. Each by its compensation step, which is a step run like any other, or, where it was a run of its own, by that run's
own compensation (`undoing`). One that fails after its retries stops the walk; asking again goes on there. What has been
undone is never undone twice.
"""

from collections.abc import Sequence
from typing import Any

from service.domain import undoing
from service.domain.attempts import attempt_over
from service.domain.commands import CompensateRun
from service.domain.errors import conflict
from service.domain.items import stop_working, work_off
from service.domain.plan import Plan
from service.domain.starting import start
from service.domain.state import Run, RunState, StepRun, StepState
from service.domain.turn import Turn

# --- which and in which order ----------------------------------------------------------------------------------------


def left_to_undo(plan: Plan, run: Run) -> list[str]:
    """The steps that have to be undone yet, last first."""
    return [step_id for step_id in reversed(plan.graph.order) if _counts(plan, run.steps[step_id])]


def levels(plan: Plan, run: Run) -> list[list[str]]:
    """The order in which a compensation would go: steps of one level together."""
    found: list[list[str]] = []
    left = left_to_undo(plan, run)
    while left:
        level = [step_id for step_id in left if _may_go(plan, step_id, left)]
        found.append(level)
        left = [step_id for step_id in left if step_id not in level]
    return found


def _counts(plan: Plan, step: StepRun) -> bool:
    planned = plan.steps[step.step_id]
    begun = undoing.children(planned, step)
    if not planned.definition.compensation_step_id and not begun:
        return False
    match step.state:
        case StepState.COMPLETED:
            return True
        case StepState.FAILED:
            return bool(step.attempt) and planned.config.get("compensate_on") != "completed"
        case StepState.CANCELLED:
            return bool(begun or step.evidence.get("completed_after_all"))
        case _:
            return False


def _may_go(plan: Plan, step_id: str, left: Sequence[str]) -> bool:
    """No later step is left."""
    return not any(step_id in plan.graph.upstream[other] for other in left)


# --- asking ----------------------------------------------------------------------------------------------------------


def compensate(turn: Turn, command: CompensateRun) -> None:
    """Raises Refusal for a run that has not ended or COMPLETED."""
    run = turn.run
    if run.state is RunState.COMPENSATING:
        return
    if not run.state.terminal:
        raise conflict("run_not_ended", f"only a FAILED or CANCELLED run is compensated, this one is {run.state}")
    if run.state is RunState.COMPLETED and not command.by_parent:
        raise conflict("run_completed", "a run that COMPLETED is not compensated")
    _try_again(turn)
    record = {"from": run.state.value, "reason": run.failure_reason, "message": run.failure_message}
    if run.failure_reason == "compensation_failed":
        record = {key: run.compensation[key] for key in record}
    asked = {"by": turn.actor, "at": turn.now.isoformat(), "why": command.reason}
    turn.move_run(RunState.COMPENSATING, "compensate", compensation={**record, **asked}, deadline_at=None)


def _try_again(turn: Turn) -> None:
    """What stopped an earlier walk gets a new attempt."""
    for step_id in left_to_undo(turn.plan, turn.run):
        undoing.ask_again(turn, step_id)
        by = _undoing_step(turn, step_id)
        if by and by.state in (StepState.FAILED, StepState.CANCELLED):
            reset(turn, by)


def reset(turn: Turn, step: StepRun, **noted: Any) -> None:
    """Makes an ended step ready for a new attempt, with the whole retry policy before it; `noted` goes to evidence.

    So are its items, if it has any; those that are done stay done.
    """
    for item in turn.items(step.step_id):
        if item.state in (StepState.FAILED, StepState.CANCELLED):
            reset(turn, item)
    changes = attempt_over(step, step.cost_usd, step.error_reason)
    changes["evidence"] |= noted
    turn.move(step.step_id, StepState.PENDING, "retrying", retry_at=turn.now, retry_count=0, **changes)


# --- the walk --------------------------------------------------------------------------------------------------------


def walk(turn: Turn) -> None:
    """Goes on as far as it can now. Called whenever something has happened to a COMPENSATING run."""
    while _step_forward(turn):
        pass
    left = left_to_undo(turn.plan, turn.run)
    if not left:
        record = turn.run.compensation
        back = RunState(record["from"])
        turn.move_run(back, "compensated", failure_reason=record["reason"], failure_message=record["message"])
    elif failed := [step_id for step_id in left if _failed(turn, step_id)]:
        _stop(turn, left, failed)


def _step_forward(turn: Turn) -> bool:
    """Notes what has been undone and begins what may go; tells whether anything ended at that."""
    left = left_to_undo(turn.plan, turn.run)
    undone = [step_id for step_id in left if _undone(turn, step_id)]
    for step_id in undone:
        turn.move(step_id, StepState.COMPENSATED, "compensated")
    left = [step_id for step_id in left if step_id not in undone]
    if not any(_failed(turn, step_id) for step_id in left):
        for step_id in left:
            if _may_go(turn.plan, step_id, left):
                _undo(turn, step_id)
    return any(_undone(turn, step_id) for step_id in left)


def _undo(turn: Turn, step_id: str) -> None:
    by_id = turn.planned(step_id).definition.compensation_step_id
    if not by_id:
        return undoing.ask(turn, step_id)
    if by_id not in turn.run.steps:
        definition = turn.planned(by_id).definition
        fresh = StepRun(by_id, definition.name, definition.step_type)
        turn.change_run(steps={**turn.run.steps, by_id: fresh})
    by = turn.step(by_id)
    if by.state is StepState.PENDING and not by.attempt:
        start(turn, by_id, turn.step(step_id).output_payload)
    elif by.state is StepState.PENDING and turn.due(by.retry_at):
        start(turn, by_id, by.input_payload)
    if turn.planned(by_id).items is not None:
        work_off(turn, by_id)
    return None


def _undoing_step(turn: Turn, step_id: str) -> StepRun | None:
    """The step that undoes it, once there is one."""
    return turn.run.steps.get(turn.planned(step_id).definition.compensation_step_id)


def _undone(turn: Turn, step_id: str) -> bool:
    if by := _undoing_step(turn, step_id):
        return by.state is StepState.COMPLETED
    step, planned = turn.step(step_id), turn.planned(step_id)
    return bool(undoing.children(planned, step)) and not undoing.left(planned, step)


def _failed(turn: Turn, step_id: str) -> bool:
    if by := _undoing_step(turn, step_id):
        return by.state is StepState.FAILED
    return undoing.FAILED in undoing.words(turn.step(step_id)).values()


def _asked(turn: Turn, step_id: str) -> bool:
    return undoing.ASKED in undoing.words(turn.step(step_id)).values()


def _stop(turn: Turn, left: Sequence[str], failed: Sequence[str]) -> None:
    """Nothing new begins, what is in flight comes home, then the run has FAILED and says what is left."""
    by = [_undoing_step(turn, step_id) for step_id in left]
    for step in by:
        if step and step.state is StepState.PENDING:
            turn.move(step.step_id, StepState.CANCELLED, "cancelled")
        elif step and step.state is StepState.RUNNING and turn.planned(step.step_id).items is not None:
            stop_working(turn, step.step_id)
    if any(step and turn.step(step.step_id).state.open for step in by) or any(
        _asked(turn, step_id) for step_id in left
    ):
        return
    message = f"{', '.join(failed)} could not be undone; left to undo: {', '.join(left)}"
    reason = "compensation_failed"
    turn.move_run(RunState.FAILED, "failed", failure_reason=reason, failure_message=message)
