"""How a step ends: well, in another attempt, for good, or abandoned.

The rules of every step type end their steps through these four functions, so what an end means (edges decided, costs
kept, the run failing) is said once. None of them starts anything: `flow.settle` does, afterwards.
"""

from typing import Any
from zlib import crc32

import orjson

from service.domain.attempts import attempt_over
from service.domain.calls import CancelChild, CancelObjective
from service.domain.config import MAX_SECONDS
from service.domain.costs import ask_meter_later
from service.domain.definition import Payload, StepType
from service.domain.expression_faults import ExpressionError
from service.domain.limits import MAX_PAYLOAD_BYTES
from service.domain.plan import StepPlan
from service.domain.scope import CONTROL, hands_down, holds
from service.domain.state import StepRun, StepState, changed
from service.domain.turn import Turn

NEVER_CONTINUES = frozenset({StepType.APPROVAL_GATE, StepType.GOVERNANCE_CHECK})


def complete(turn: Turn, step_id: str, output: Payload, **changes: Any) -> None:
    """Ends a step well: fixes the fate of its edges, or fails it when that or its size is wrong."""
    step, told = turn.step(step_id), dict(changes)  # what it cost counts also if it cannot complete
    handed = step.input_payload if hands_down(step) is step.input_payload else output
    if len(orjson.dumps(handed)) > MAX_PAYLOAD_BYTES:
        return fail_for_good(turn, step_id, "payload_too_large", "what this step hands down is over 256 KiB", **told)
    evidence = {**step.evidence, **changes.pop("evidence", {})}
    changes = {"error_reason": "", "error_message": ""} | changes  # what an earlier attempt failed of is over
    ended = changed(step, state=StepState.COMPLETED, output_payload=output, **changes)
    try:
        decided = evidence.get("dead")  # a BRANCH has chosen already, perhaps all of its edges
        dead = _dead_targets(turn, ended, {**handed, **output}) if decided is None else decided
    except ExpressionError as error:
        return fail_for_good(turn, step_id, "condition_error", str(error), **told)
    if dead:
        evidence["dead"] = dead
    turn.move(step_id, StepState.COMPLETED, "completed", output_payload=output, evidence=evidence, **changes)
    return None


def _dead_targets(turn: Turn, ended: StepRun, bare: Payload) -> list[str]:
    """Edges see their source as it ends."""
    outgoing = turn.plan.graph.outgoing.get(ended.step_id, ())
    conditions = [(edge, program) for edge in outgoing if (program := turn.plan.edge_condition(edge)) is not None]
    if not conditions:
        return []
    then = turn.supposing(ended)
    return [edge.to_step_id for edge, program in conditions if not holds(program, then, ended.step_id, bare)]


def fail(turn: Turn, step_id: str, reason: str, message: str, **changes: Any) -> None:
    """An attempt failed: once more under the retry policy, else for good."""
    planned, step = turn.planned(step_id), turn.step(step_id)
    non_retryable = planned.config.get("non_retryable", ())
    if step.retry_count < planned.retry.max_retries and reason not in non_retryable and _goes_on(turn):
        _retry(turn, step_id, reason, message, **changes)
    else:
        fail_for_good(turn, step_id, reason, message, **changes)


def fail_for_good(turn: Turn, step_id: str, reason: str, message: str, **changes: Any) -> None:
    """Ends a step or an item badly. An item's step decides later what that means for it."""
    step = turn.step(step_id)
    item = step_id in turn.run.items
    if not item and _continues(turn, step, reason):
        output = {"error": {"reason": reason, "message": message}}
        return complete(turn, step_id, output, error_reason=reason, error_message=message, **changes)
    changes |= {"error_reason": reason, "error_message": message}
    turn.move(step_id, StepState.FAILED, "failed", **changes)
    if not item and not turn.run.failure_reason:
        turn.change_run(failure_reason=reason, failure_message=f"step {step_id}: {message}")
    return None


def _continues(turn: Turn, step: StepRun, reason: str) -> bool:
    if not turn.planned(step.step_id).on_failure_continue or step.step_type in NEVER_CONTINUES:
        return False
    passes_too_much_on = reason == "payload_too_large" and step.step_type in CONTROL
    return reason != "condition_error" and not passes_too_much_on


def _goes_on(turn: Turn) -> bool:
    return not turn.run.state.terminal and not turn.run.failing


def _retry(turn: Turn, step_id: str, reason: str, message: str, **changes: Any) -> None:
    step, planned = turn.step(step_id), turn.planned(step_id)
    delay = _delay(planned, step.retry_count)
    cost = changes.pop("cost_usd", step.cost_usd)
    objective_id = changes.get("objective_id", step.objective_id)  # perhaps only the report of its end names it
    changes |= {"error_reason": reason, "error_message": message, "retry_count": step.retry_count + 1}
    changes |= attempt_over(changed(step, objective_id=objective_id), cost, reason)
    at = turn.after(delay * (1 + 0.1 * _jitter(turn.run.id, step)))
    turn.move(step_id, StepState.PENDING, "retrying", retry_at=at, **changes)


def _delay(planned: StepPlan, retry: int) -> float:
    """Seconds before that retry, counted from 0. A power that fits no number any more is capped like any other."""
    multiplier = planned.retry.backoff_multiplier or 1.0  # 0 is the wire's way to say nothing
    most = min(planned.config.get("max_backoff_seconds", MAX_SECONDS), MAX_SECONDS)
    try:
        return min(float(planned.retry.backoff_seconds * multiplier**retry), float(most))
    except OverflowError:
        return float(most) if planned.retry.backoff_seconds else 0.0


def _jitter(run_id: str, step: StepRun) -> float:
    """A number in [0, 1) that differs between runs and attempts and is the same when decided again."""
    return crc32(f"{run_id}/{step.step_id}/{step.attempt}".encode()) / 2**32


def abandon(turn: Turn, step_id: str, why: str = "the step was cancelled") -> None:
    """Ends an open step that is no longer wanted, with all its items, and takes back what can be taken back."""
    for item in turn.items(step_id):
        if not item.state.terminal:
            abandon(turn, item.step_id, why)
    step = turn.step(step_id)
    turn.move(step_id, StepState.CANCELLED, "cancelled")
    take_back(turn, step, why)


def take_back(turn: Turn, step: StepRun, reason: str) -> None:
    """Cancels what an attempt has set going elsewhere, and later asks what it cost until then."""
    if step.objective_id:
        turn.owe(step, CancelObjective(step.objective_id, reason))
        ask_meter_later(turn, step)
    if child := step.child_run_id:
        turn.owe(step, CancelChild(child, reason))
