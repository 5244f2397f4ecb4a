"""Changes as the outbox hands them over, made up by hypothesis and by hand, and the messages they must become."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from events.v1.change_pb2 import Change
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st
from workflows.v1 import workflows_pb2 as wire

from service.domain.definition import StepType, TriggerType
from service.domain.state import RunState, StepState
from service.engine.ports.outbox import Unpublished

NOON = datetime(2026, 11, 3, 12, 0, 0, 250_000, tzinfo=UTC)

_OLDEST = datetime.fromisoformat("2000-01-01")
_NEWEST = datetime.fromisoformat("2100-01-01")

_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
_moments = st.none() | st.builds(
    lambda at, microsecond: at.replace(microsecond=microsecond).isoformat(),
    st.datetimes(_OLDEST, _NEWEST, timezones=_zones),
    st.sampled_from([0, 1, 1_000, 250_000, 250_001]),
)
_numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.just(10**20)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)
_payloads = st.dictionaries(_words, _json, max_size=4)
_costs = st.decimals(0, 10_000, places=6).map(str) | st.floats(0, 10_000)

steps = st.fixed_dictionaries(
    {
        "step_id": _words,
        "step_name": _words,
        "step_type": st.sampled_from(StepType).map(str),
        "state": st.sampled_from(StepState).map(str),
        "attempt": st.integers(0, 9),
        "objective_id": _words,
        "agent_id": _words,
        "delegation_id": _words,
        "approval_request_id": _words,
        "governance_decision": _words,
        "event_id": _words,
        "notification_id": _words,
        "input_payload": _payloads,
        "output_payload": _payloads,
        "evidence": _payloads,
        "error_reason": _words,
        "error_message": _words,
        "retry_count": st.integers(0, 99),
        "cost_usd": _costs,
        "settled_cost_usd": _costs,
        "started_at": _moments,
        "completed_at": _moments,
        "deadline_at": _moments,
        "retry_at": _moments,
    }
)

headers = st.fixed_dictionaries(
    {
        "definition_id": _words,
        "definition_version": st.integers(1, 2**31 - 1),
        "trigger_type": st.sampled_from(TriggerType).map(str),
        "trigger_event_id": _words,
        "initiator_agent_id": _words,
        "initiator_user_id": _words,
        "parent_run_id": _words,
        "chain": st.lists(_words, max_size=2),
        "entity_id": _words,
        "entity_type": _words,
        "input_payload": _payloads,
    }
)

runs = st.fixed_dictionaries(
    {
        "state": st.sampled_from(RunState).map(str),
        "output_payload": _payloads,
        "total_cost_usd": _costs,
        "failure_reason": _words,
        "started_at": _moments,
        "completed_at": _moments,
        "deadline_at": _moments,
        "version": st.integers(0, 99),
        "sequence": st.integers(1, 99),
    }
)

_run_data = st.fixed_dictionaries({"run": runs, "steps": st.lists(steps, max_size=3)})
_step_data = st.fixed_dictionaries(
    {
        "step": steps,
        "workflow_state": st.sampled_from(RunState).map(str),
        "workflow_total_cost_usd": _costs,
    }
)


def _change(
    aggregate: str, data: st.SearchStrategy[Any], header: st.SearchStrategy[Any]
) -> st.SearchStrategy[Unpublished]:
    return st.builds(
        Unpublished,
        stream=st.just("wfr_1"),
        sequence=st.integers(1, 2**31),
        workspace_id=st.just("ws_acme"),
        aggregate=st.just(aggregate),
        operation=st.sampled_from(["started", "completed", "create"]),
        actor=st.sampled_from(["user:ann", "agent:sdr", "service:workflows"]),
        cause=_words,
        recorded_at=st.datetimes(_OLDEST, _NEWEST, timezones=st.just(UTC)),
        data=data,
        header=header,
    )


run_changes = _change("run", _run_data, headers)
step_changes = _change("step", _step_data, headers)
record_changes = _change("definition", _payloads, st.just({}))


def change(**said: Any) -> Unpublished:
    """A plain step change, but for what is said."""
    plain: dict[str, Any] = {
        "stream": "wfr_1",
        "sequence": 3,
        "workspace_id": "ws_acme",
        "aggregate": "step",
        "operation": "completed",
        "actor": "agent:sdr",
        "cause": "rpc:42",
        "recorded_at": NOON,
        "data": {"step": step("research"), "workflow_state": "RUNNING", "workflow_total_cost_usd": "0.034"},
        "header": {"definition_id": "wf_1", "definition_version": 2, "trigger_type": "MANUAL"},
    }
    return Unpublished(**(plain | said))


def step(step_id: str, **said: Any) -> dict[str, Any]:
    return {"step_id": step_id, "step_type": "AGENT_ACTION", "state": "COMPLETED", "cost_usd": "0.034", **said}


# --- the same, as typed messages


def message(of: Unpublished) -> Message:
    recorded: dict[str, Any] = {"operation": of.operation, "recorded_at": _timestamp(of.recorded_at.isoformat())}
    if of.aggregate == "step":
        return _step_event(of, recorded)
    if of.aggregate == "run":
        return wire.WorkflowRunLifecycleEvent(run=_run(of), **recorded)
    actor_type, actor_id = of.actor.split(":")
    return Change(
        seq=of.sequence,
        organization_id=of.workspace_id,
        aggregate_type=of.aggregate,
        aggregate_id=of.stream,
        actor_type=actor_type,
        actor_id=actor_id,
        payload=_struct(of.data),
        **recorded,
    )


def _step_event(of: Unpublished, recorded: dict[str, Any]) -> Message:
    return wire.WorkflowStepLifecycleEvent(
        run_id=of.stream,
        workspace_id=of.workspace_id,
        workflow_state=wire.WorkflowState.Value(f"WORKFLOW_STATE_{of.data['workflow_state']}"),
        workflow_total_cost_usd=_double(of.data["workflow_total_cost_usd"]),
        step=_step(of.data["step"]),
        **_context(of.header),
        **recorded,
    )


def _run(of: Unpublished) -> wire.WorkflowRun:
    row = of.data["run"]
    return wire.WorkflowRun(
        id=of.stream,
        workspace_id=of.workspace_id,
        state=wire.WorkflowState.Value(f"WORKFLOW_STATE_{row['state']}"),
        steps=[_step(step) for step in of.data["steps"]],
        input_payload=_struct(of.header["input_payload"]),
        output_payload=_struct(row["output_payload"]),
        total_cost_usd=_double(row["total_cost_usd"]),
        started_at=_timestamp(row["started_at"]),
        completed_at=_timestamp(row["completed_at"]),
        **_context(of.header),
    )


def _context(row: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: value for name, value in row.items() if name not in ("chain", "input_payload", "trigger_type")}
    return same | {"trigger_type": wire.TriggerType.Value(f"TRIGGER_TYPE_{row['trigger_type']}")}


_ENGINE_ONLY = {"attempt", "evidence", "error_reason", "settled_cost_usd", "deadline_at", "retry_at"}


def _step(row: Mapping[str, Any]) -> wire.StepRun:
    return wire.StepRun(
        **{name: value for name, value in row.items() if name not in _ENGINE_ONLY | _CONVERTED.keys()},
        **{name: convert(row[name]) for name, convert in _CONVERTED.items()},
    )


def _struct(payload: Mapping[str, Any]) -> Struct | None:
    if not payload:
        return None
    struct = Struct()
    struct.update(payload)
    return struct


def _timestamp(text: str | None) -> Timestamp | None:
    if text is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromisoformat(text))
    return stamp


def _double(amount: Any) -> float:
    return float(Decimal(str(amount)))


_CONVERTED: Mapping[str, Any] = {
    "step_type": lambda name: wire.StepType.Value(f"STEP_TYPE_{name}"),
    "state": lambda name: wire.StepRunState.Value(f"STEP_RUN_STATE_{name}"),
    "input_payload": _struct,
    "output_payload": _struct,
    "cost_usd": _double,
    "started_at": _timestamp,
    "completed_at": _timestamp,
}
