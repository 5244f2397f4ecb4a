"""An operator lets a FAILED run go on: a failed step is tried again, or done without.

The run goes on as soon as no failed step is left; then the steps that were cancelled because of the failure, and the
PARALLELs that failed of their children, begin anew. Who did it and why is in the run's history.
"""

from datetime import datetime

from service.domain.commands import RetryStep, SkipStep
from service.domain.compensation import reset
from service.domain.definition import StepType
from service.domain.errors import conflict, not_found
from service.domain.state import RunState, StepRun, StepState
from service.domain.steps import rules_of
from service.domain.turn import Turn


def retry_step(turn: Turn, command: RetryStep) -> None:
    """Raises Refusal."""
    _check(turn, command.step_id)
    step = turn.step(command.step_id)
    if turn.run.state is not RunState.FAILED or step.state is not StepState.FAILED:
        raise conflict("step_not_failed", f"only a FAILED step of a FAILED run is retried, this one is {step.state}")
    reset(turn, step, retry_reason=command.reason)
    _go_on(turn)


def skip_step(turn: Turn, command: SkipStep) -> None:
    """Raises Refusal."""
    _check(turn, command.step_id)
    step = turn.step(command.step_id)
    failed = turn.run.state is RunState.FAILED and step.state is StepState.FAILED
    rules_of(turn, command.step_id).check_skipper(turn, command.step_id)
    if failed:
        reset(turn, step)
    elif step.state is not StepState.PENDING or turn.run.state not in (RunState.RUNNING, RunState.PAUSED):
        raise conflict("step_not_skippable", f"the step is {step.state} and the run {turn.run.state}")
    turn.move(command.step_id, StepState.SKIPPED, "skipped", error_message=command.reason)
    if failed:
        _go_on(turn)


def _check(turn: Turn, step_id: str) -> None:
    if step_id not in turn.run.steps:
        raise not_found("step", step_id)
    if step_id in turn.plan.graph.compensation:
        raise conflict("compensation_step", "a compensation step is tried again by compensating the run again")
    if turn.run.compensation:
        raise conflict("run_compensated", "the run has been compensated; it can be forked")


def _go_on(turn: Turn) -> None:
    main = [turn.step(step_id) for step_id in turn.plan.graph.order]
    if any(step.state is StepState.FAILED and not _follows_children(step) for step in main):
        return  # the others are still to be dealt with
    for step in main:
        if step.state in (StepState.FAILED, StepState.CANCELLED):
            reset(turn, step)
    turn.move_run(RunState.RUNNING, "resume", failure_reason="", failure_message="", deadline_at=_deadline(turn))


def _deadline(turn: Turn) -> datetime | None:
    """As long again as the run had at first."""
    return turn.after(turn.run.max_seconds) if turn.run.max_seconds else None


def _follows_children(step: StepRun) -> bool:
    return step.step_type is StepType.PARALLEL and step.error_reason == "child_failed"
