"""The body of a published change: protojson of the typed message packed in an Any, by proto names.

Written straight from the stored row, without building the message: a table per message names its fields and how a
column becomes JSON. What the tables do not name stays at home (attempts, deadlines, evidence), what has its default is
left out, as protojson does. A test holds the result to protobuf's own output. A body that is larger than the bus takes,
or than 900 KiB, loses payloads until it fits: those of steps, largest first, then the run's own; then what steps say of
their errors, at last the steps. Called by `outgoing`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from service.engine.ports.outbox import Unpublished

MAX_BYTES = 900 * 1024
_UTC = "+00:00"
_WRITTEN = len("2026-11-03T12:00:00.250000+00:00")
_PAYLOADS = ("input_payload", "output_payload")

Part: TypeAlias = tuple[int, dict[str, Any], str]
"""How large it is as JSON, what holds it, and under which name."""
Row: TypeAlias = Mapping[str, Any]
Write: TypeAlias = Callable[[Any], Any]
Fields: TypeAlias = Mapping[str, Write]


@dataclass(frozen=True, slots=True)
class Body:
    """`message` is the full name of the message in `data`; `truncated` tells that payloads are missing."""

    message: str
    data: bytes
    truncated: bool = False


def write(change: Unpublished, most: int = MAX_BYTES) -> Body:
    """Of at most so many bytes. Raises KeyError for a change without the rows that its aggregate has."""
    name, fields, row = _SHAPE.get(change.aggregate, _change)(change)
    body = {"@type": f"type.googleapis.com/{name}", **_message(fields, row)}
    data = _dump(body)
    if len(data) <= most:
        return Body(name, data)
    _shrink(body, len(data) - most)
    return Body(name, _dump(body), truncated=True)


def rfc3339(at: datetime) -> str:
    """UTC with Z, and as many digits of a second as protojson shows: none, three or six."""
    return _digits(at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix(_UTC))


def _digits(moment: str) -> str:
    return moment.removesuffix("000").removesuffix(".000") + "Z"


# --- how a column becomes JSON -----------------------------------------------------------------------------------


def _message(fields: Fields, row: Row) -> dict[str, Any]:
    """The fields that have something other than their default to say."""
    return {name: said for name, write in fields.items() if (value := row.get(name)) and (said := write(value))}


def _same(value: Any) -> Any:
    return value


def _moment(value: str | datetime) -> str:
    if not isinstance(value, str):
        return rfc3339(value)
    if len(value) == _WRITTEN and value.endswith(_UTC):  # as this service writes nearly all of them
        return _digits(value.removesuffix(_UTC))
    return rfc3339(datetime.fromisoformat(value))


def _enum(prefix: str) -> Write:
    return lambda name: f"{prefix}{name}"


def _one(fields: Fields) -> Write:
    return lambda row: _message(fields, row)


def _each(fields: Fields) -> Write:
    return lambda rows: [_message(fields, row) for row in rows]


_STEP: Fields = {
    "step_id": _same,
    "step_name": _same,
    "step_type": _enum("STEP_TYPE_"),
    "state": _enum("STEP_RUN_STATE_"),
    "objective_id": _same,
    "agent_id": _same,
    "delegation_id": _same,
    "approval_request_id": _same,
    "governance_decision": _same,
    "event_id": _same,
    "notification_id": _same,
    "input_payload": _same,
    "output_payload": _same,
    "error_message": _same,
    "retry_count": int,
    "cost_usd": float,
    "started_at": _moment,
    "completed_at": _moment,
}

_CONTEXT: Fields = {
    "definition_id": _same,
    "definition_version": int,
    "workspace_id": _same,
    "trigger_event_id": _same,
    "trigger_type": _enum("TRIGGER_TYPE_"),
    "initiator_agent_id": _same,
    "initiator_user_id": _same,
    "parent_run_id": _same,
    "entity_id": _same,
    "entity_type": _same,
}

_RUN: Fields = {
    "id": _same,
    **_CONTEXT,
    "state": _enum("WORKFLOW_STATE_"),
    "steps": _each(_STEP),
    "input_payload": _same,
    "output_payload": _same,
    "total_cost_usd": float,
    "started_at": _moment,
    "completed_at": _moment,
}

_OPERATION: Fields = {"operation": _same, "recorded_at": _moment}

_RUN_EVENT: Fields = {"run": _one(_RUN), **_OPERATION}

_STEP_EVENT: Fields = {
    "run_id": _same,
    **_CONTEXT,
    "workflow_state": _enum("WORKFLOW_STATE_"),
    "workflow_total_cost_usd": float,
    "step": _one(_STEP),
    **_OPERATION,
}

_CHANGE: Fields = {
    "seq": str,
    "organization_id": _same,
    "aggregate_type": _same,
    "aggregate_id": _same,
    "actor_type": _same,
    "actor_id": _same,
    "payload": _same,
    **_OPERATION,
}

# --- from a change to the row of its message ---------------------------------------------------------------------

Shape: TypeAlias = tuple[str, Fields, Row]


def _run_event(change: Unpublished) -> Shape:
    said = {"id": change.stream, "workspace_id": change.workspace_id, "steps": change.data["steps"]}
    run = {**change.header, **change.data["run"], **said}
    return "workflows.v1.WorkflowRunLifecycleEvent", _RUN_EVENT, {"run": run, **_operation(change)}


def _step_event(change: Unpublished) -> Shape:
    said = {"run_id": change.stream, "workspace_id": change.workspace_id, "step": change.data["step"]}
    row = {**change.header, **change.data, **said, **_operation(change)}
    return "workflows.v1.WorkflowStepLifecycleEvent", _STEP_EVENT, row


def _change(change: Unpublished) -> Shape:
    actor_type, _, actor_id = change.actor.partition(":")
    row = {
        "seq": change.sequence,
        "organization_id": change.workspace_id,
        "aggregate_type": change.aggregate,
        "aggregate_id": change.stream,
        "actor_type": actor_type,
        "actor_id": actor_id,
        "payload": change.data,
        **_operation(change),
    }
    return "events.v1.Change", _CHANGE, row


def _operation(change: Unpublished) -> Row:
    return {"operation": change.operation, "recorded_at": change.recorded_at}


_SHAPE: Mapping[str, Callable[[Unpublished], Shape]] = {"run": _run_event, "step": _step_event}

# --- bytes -------------------------------------------------------------------------------------------------------


def _dump(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        return orjson.dumps(_doubles(body))


def _doubles(value: Any) -> Any:
    """Without integers: 1e20 comes back from the database as one that has no 64 bits to fit in."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _doubles(item) for key, item in value.items()}
    return [_doubles(item) for item in value] if isinstance(value, list) else value


def _shrink(body: dict[str, Any], excess: int) -> None:
    """Drops whole payloads until at least `excess` bytes are gone, then what steps say of errors, at last the steps."""
    for size, holder, name in (*_payloads(body), *_errors(body), *_steps(body)):
        if excess <= 0:
            return
        del holder[name]
        excess -= size


def _payloads(body: dict[str, Any]) -> Iterator[Part]:
    run = body.get("run", {})
    yield from _by_size(_holders(body), _PAYLOADS)
    yield from _by_size([run], _PAYLOADS)


def _errors(body: dict[str, Any]) -> Iterator[Part]:
    yield from _by_size(_holders(body), ("error_message",))


def _steps(body: dict[str, Any]) -> Iterator[Part]:
    yield from _by_size([body.get("run", {})], ("steps",))


def _holders(body: dict[str, Any]) -> list[dict[str, Any]]:
    run = body.get("run", {})
    return run["steps"] if "steps" in run else [body["step"]] if "step" in body else []


def _by_size(holders: list[dict[str, Any]], names: Sequence[str]) -> list[Part]:
    found = [(len(_dump(holder[name])), holder, name) for holder in holders for name in names if name in holder]
    return sorted(found, key=lambda part: part[0], reverse=True)
