"""The names an expression may use, filled from a run. Only what a program really uses is built.

Steps are seen through views of plain JSON (`output`, `input`, `state`, `error`, `cost_usd`, `retry_count`); a skipped
step's output is `{}`. Reserved names win over names that come from payloads.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from service.domain.bus_event import BusEvent
from service.domain.definition import Json, Payload, StepType
from service.domain.expression_faults import ExpressionError
from service.domain.expressions import Program
from service.domain.limits import MAX_PAYLOAD_BYTES
from service.domain.places import alias
from service.domain.state import StepRun, StepState
from service.domain.turn import Turn

CONTROL = frozenset(
    {
        StepType.APPROVAL_GATE,
        StepType.GOVERNANCE_CHECK,
        StepType.BRANCH,
        StepType.PARALLEL,
        StepType.NOTIFICATION,
    }
)


def hands_down(step: StepRun) -> Payload:
    """What a completed step gives its successors: control steps pass their input on, work steps give their output."""
    return step.input_payload if step.step_type in CONTROL else step.output_payload


def view(step: StepRun) -> dict[str, Json]:
    error = {"reason": step.error_reason, "message": step.error_message}
    return {
        "output": dict(step.output_payload) if step.state is not StepState.SKIPPED else {},
        "input": dict(step.input_payload),
        "state": step.state.value,
        "error": error if step.error_message or step.error_reason else None,
        "cost_usd": float(step.cost_usd),
        "retry_count": step.retry_count,
    }


def run_view(turn: Turn) -> dict[str, Json]:
    run = turn.run
    return {
        "id": run.id,
        "definition_id": run.definition_id,
        "version": run.definition_version,
        "entity_id": run.entity_id,
        "entity_type": run.entity_type,
        "trigger_type": run.trigger_type.value,
        "initiator_user_id": run.initiator_user_id,
        "initiator_agent_id": run.initiator_agent_id,
        "total_cost_usd": float(run.total_cost_usd),
    }


def event_view(event: BusEvent) -> dict[str, Json]:
    return {
        "type": event.type,
        "subject": event.subject or event.bus_subject,
        "source": event.source,
        "id": event.id,
        "time": event.time.isoformat() if event.time else None,
    }


def evaluate(program: Program, turn: Turn, step_id: str, bare: Mapping[str, Json] | None = None) -> Json:
    """The program's value in the scope of this step; `bare` are open names, over which reserved ones win."""
    return program.evaluate(_scope(program.names, turn, step_id, bare or {}))


def holds(program: Program, turn: Turn, step_id: str, bare: Mapping[str, Json] | None = None) -> bool:
    return program.holds(_scope(program.names, turn, step_id, bare or {}))


def evaluate_all(
    programs: Mapping[str, Program], turn: Turn, step_id: str, bare: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """Raises ExpressionError, also when the values together are larger than what a step may hand down."""
    found: dict[str, Json] = {}
    size = 0
    for key, program in programs.items():
        found[key] = evaluate(program, turn, step_id, bare)
        size += len(orjson.dumps(found[key], default=str))
        if size > MAX_PAYLOAD_BYTES:
            raise ExpressionError("value_too_large", f"{program.source!r}: the values are over 256 KiB together")
    return found


def _scope(names: Iterable[str], turn: Turn, step_id: str, bare: Mapping[str, Json]) -> dict[str, Json]:
    reserved: dict[str, Callable[[], Any]] = {
        "input": lambda: dict(turn.run.input_payload),
        "run": lambda: run_view(turn),
        "now": lambda: turn.now,
        "steps": lambda: {key: view(step) for key, step in _visible(turn, step_id).items()},
        "compensated": lambda: _compensated(turn, step_id),
    }
    found: dict[str, Json] = {}
    for name in names:
        if name in reserved:
            found[name] = reserved[name]()
        elif step := _aliased(turn, step_id, name):
            found[name] = view(step)
        else:
            found[name] = bare.get(name)
    return found


def _visible(turn: Turn, step_id: str) -> dict[str, StepRun]:
    """A step sees what lies upstream, and itself (its outgoing edges are evaluated in its scope).

    A compensation step sees what the step it undoes saw, and that step.
    """
    place = turn.plan.graph.undoes.get(step_id, step_id)
    upstream = turn.plan.graph.upstream.get(place, frozenset()) | {place}
    return {key: step for key, step in turn.run.steps.items() if key in upstream}


def _compensated(turn: Turn, step_id: str) -> Json:
    undone = turn.run.steps.get(turn.plan.graph.undoes.get(step_id, ""))
    return view(undone) if undone else None


def _aliased(turn: Turn, step_id: str, name: str) -> StepRun | None:
    for key, step in _visible(turn, step_id).items():
        if alias(key) == name:
            return step
    return None
