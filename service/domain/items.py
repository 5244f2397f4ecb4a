"""A step that works through a list: which items go next, and what their ends mean for the step.

Items are step runs in the small and follow the rules of an AGENT_ACTION one by one, retries included. They go batch by
batch, within a batch at most `concurrency` at once; a batch begins when the one before has ended. The step completes
with the results in the order of the list, or fails as soon as more items have failed than it tolerates.
"""

from itertools import islice

from service.domain import outcome
from service.domain.definition import Json
from service.domain.starting import start
from service.domain.state import StepRun, StepState
from service.domain.turn import Turn

CONCURRENCY = 10
"""How many items go at once when the step does not say."""


def work_off(turn: Turn, step_id: str) -> None:
    """Starts what may go now, and ends the step when its items have. Does nothing for a step that is not RUNNING."""
    if turn.step(step_id).state is not StepState.RUNNING:
        return
    items = turn.items(step_id)
    failed = [item for item in items if item.state is StepState.FAILED]
    unfinished = next((item for item in items if not item.state.terminal), None)
    if len(failed) > turn.planned(step_id).config.get("tolerated_failures", 0):
        _give_up(turn, step_id, failed, len(items))
    elif unfinished is None:
        outcome.complete(turn, step_id, {"items": [_result(item) for item in items]})
    else:
        present = unfinished.evidence["batch"]
        _go_on(turn, step_id, [item for item in items if item.evidence["batch"] == present])


def stop_working(turn: Turn, step_id: str) -> None:
    """In a failing run: nothing new starts, what is in flight comes home; a step that lacks items then is CANCELLED."""
    for item in turn.items(step_id):
        if item.state is StepState.PENDING:
            turn.move(item.step_id, StepState.CANCELLED, "cancelled")
    items = turn.items(step_id)
    if any(item.state.open for item in items):
        return
    if any(item.state is StepState.CANCELLED for item in items):
        turn.move(step_id, StepState.CANCELLED, "cancelled")
    else:
        work_off(turn, step_id)


def _go_on(turn: Turn, step_id: str, batch: list[StepRun]) -> None:
    busy = sum(1 for item in batch if item.state.open)
    room = max(int(turn.planned(step_id).config.get("concurrency", CONCURRENCY)) - busy, 0)
    ready = (item for item in batch if item.state is StepState.PENDING and _may_start(turn, item))
    for item in islice(ready, room):
        start(turn, item.step_id, item.input_payload)


def _may_start(turn: Turn, item: StepRun) -> bool:
    return not item.attempt or turn.due(item.retry_at)


def _give_up(turn: Turn, step_id: str, failed: list[StepRun], total: int) -> None:
    for item in turn.items(step_id):
        if not item.state.terminal:
            outcome.abandon(turn, item.step_id)
    first = failed[0]
    message = f"{len(failed)} of {total} items failed; {first.step_id}: {first.error_message}"
    outcome.fail_for_good(turn, step_id, "too_many_failures", message)


def _result(item: StepRun) -> Json:
    if item.state is StepState.COMPLETED:
        return item.output_payload
    return {"error": {"reason": item.error_reason, "message": item.error_message}}
