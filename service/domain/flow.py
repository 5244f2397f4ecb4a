"""How a run moves along its graph: which steps may start, what a step's end means, when the run is over.

`settle` walks the graph once in topological order, so a chain of steps that need nobody else (branches, skips, joins,
the end of the run) is one decision and therefore one commit. An edge's fate is fixed when its source completes: targets
of edges that do not hold are kept in `evidence["dead"]` of the source, so nothing is ever evaluated twice.
"""

from enum import Enum
from typing import Any

from service.domain.compensation import walk
from service.domain.definition import Edge, Payload, StepType
from service.domain.items import stop_working, work_off
from service.domain.outcome import abandon, complete, fail_for_good
from service.domain.schemas import OUTPUT_SCHEMA, output_fault
from service.domain.scope import hands_down
from service.domain.starting import start
from service.domain.state import RunState, StepState
from service.domain.turn import Turn


class EdgeFate(Enum):
    OPEN = "open"
    TAKEN = "taken"
    DEAD = "dead"


# --- the walk ----------------------------------------------------------------------------------------------------


def settle(turn: Turn) -> None:
    """Starts what is ready, skips what is dead, ends what is over; undoes what is next in a COMPENSATING run."""
    if turn.run.state is RunState.COMPENSATING:
        return walk(turn)
    if turn.run.state is not RunState.RUNNING:
        return None
    for step_id in turn.plan.graph.order:
        if turn.run.failure_reason:
            break
        if turn.run.steps[step_id].state is StepState.PENDING:
            _consider(turn, step_id)
        if turn.plan.steps[step_id].items is not None:
            work_off(turn, step_id)
    _close_parallels(turn)
    if turn.run.failure_reason:
        _drain(turn)
    elif all(step.state in _DONE for step in turn.run.steps.values()):
        _complete_run(turn)
    return None


_DONE = frozenset({StepState.COMPLETED, StepState.SKIPPED})


def _consider(turn: Turn, step_id: str) -> None:
    step = turn.run.steps[step_id]
    if step.attempt:
        if turn.due(step.retry_at):
            start(turn, step_id, step.input_payload)
        return
    fates = [fate(turn, edge) for edge in turn.plan.graph.incoming[step_id]]
    if EdgeFate.OPEN in fates:
        return
    if fates and EdgeFate.TAKEN not in fates:
        turn.move(step_id, StepState.SKIPPED, "skipped")
    else:
        start(turn, step_id, _handed_to(turn, step_id))


def fate(turn: Turn, edge: Edge) -> EdgeFate:
    """What became of an edge: taken, dead, or not decided yet."""
    source = turn.run.steps[edge.from_step_id]
    if source.state is StepState.SKIPPED:
        return EdgeFate.DEAD
    opened = source.step_type is StepType.PARALLEL and source.state is StepState.RUNNING
    if not opened and source.state is not StepState.COMPLETED:
        return EdgeFate.OPEN
    return EdgeFate.DEAD if edge.to_step_id in source.evidence.get("dead", ()) else EdgeFate.TAKEN


def _handed_to(turn: Turn, step_id: str) -> Payload:
    """The run's input for a root, else the merge of what taken predecessors hand down, in topological order."""
    edges = turn.plan.graph.incoming[step_id]
    if not edges:
        return turn.run.input_payload
    taken = {edge.from_step_id for edge in edges if fate(turn, edge) is EdgeFate.TAKEN}
    merged: dict[str, Any] = {}
    for key, step in turn.run.steps.items():
        if key in taken:
            merged |= hands_down(step)
    return merged


# --- the end of a run --------------------------------------------------------------------------------------------


def _close_parallels(turn: Turn) -> None:
    """Inner before outer: a PARALLEL ends when all its children have."""
    for step_id in reversed(turn.plan.graph.order):
        step = turn.run.steps[step_id]
        if step.step_type is not StepType.PARALLEL or step.state is not StepState.RUNNING:
            continue
        children = {_end_of_child(turn, edge.to_step_id) for edge in turn.plan.graph.outgoing[step_id]}
        if StepState.FAILED in children and all(state.terminal for state in children):
            fail_for_good(turn, step_id, "child_failed", "a child of this step failed")
        elif StepState.CANCELLED in children and all(state.terminal for state in children):
            turn.move(step_id, StepState.CANCELLED, "cancelled")
        elif all(state.terminal for state in children):
            complete(turn, step_id, {})


def _end_of_child(turn: Turn, step_id: str) -> StepState:
    """A child that has not begun when the run fails never will: it holds up nothing."""
    step = turn.step(step_id)
    never = turn.run.failing and step.state is StepState.PENDING and not step.attempt
    return StepState.CANCELLED if never else step.state


def _complete_run(turn: Turn) -> None:
    """A run whose output does not conform has FAILED; the output is kept, so that it can be looked at."""
    output: dict[str, Any] = {}
    for key, step in turn.run.steps.items():
        edges = turn.plan.graph.outgoing.get(key, ())
        last = all(fate(turn, edge) is not EdgeFate.TAKEN for edge in edges)
        if last and step.state is StepState.COMPLETED:
            output |= hands_down(step)
    if fault := output_fault(turn.plan.version.schemas, output):
        failed = {"failure_reason": OUTPUT_SCHEMA, "failure_message": fault}
        return turn.move_run(RunState.FAILED, "failed", output_payload=output, **failed)
    return turn.move_run(RunState.COMPLETED, "completed", output_payload=output)


def _drain(turn: Turn) -> None:
    """A failing run starts nothing, stops waiting, lets what is in flight come home, then is FAILED."""
    for step_id, step in turn.run.steps.items():
        if step.state is StepState.WAITING:
            abandon(turn, step_id)
        elif step.state is StepState.PENDING and step.attempt:
            changes = {"error_reason": step.error_reason, "error_message": step.error_message}
            turn.move(step_id, StepState.FAILED, "failed", **changes)
        elif step.state is StepState.RUNNING and turn.planned(step_id).items is not None:
            stop_working(turn, step_id)
    _close_parallels(turn)
    if not any(step.state is StepState.RUNNING for step in turn.run.steps.values()):
        turn.move_run(RunState.FAILED, "failed")


def time_out(turn: Turn) -> None:
    """The run's own deadline: in-flight work is cancelled and the run has FAILED."""
    why = "the run reached its timeout"
    turn.change_run(failure_reason="run_timed_out", failure_message=why)
    for step_id, step in turn.run.steps.items():
        if step.state.open:
            abandon(turn, step_id, why)
    _drain(turn)


def cancel_everything(turn: Turn, reason: str) -> None:
    """Ends a run that is no longer wanted: nothing of it goes on, nothing is compensated."""
    for step_id, step in turn.run.steps.items():
        if step.state.open:
            abandon(turn, step_id, reason or "the run was cancelled")
        elif step.state is StepState.PENDING:
            turn.move(step_id, StepState.CANCELLED, "cancelled")
    turn.move_run(RunState.CANCELLED, "cancel", failure_reason="cancelled", failure_message=reason)
