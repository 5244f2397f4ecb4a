"""Random runs and payloads, and the same runs as the library itself would render them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.protobuf import json_format
from hypothesis import strategies as st
from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import StepType, TriggerType
from service.domain.state import Run, RunState, StepRun, StepState

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
PAYLOADS = st.dictionaries(TEXT, VALUES, max_size=5)
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
COSTS = st.decimals(0, 1000, places=4)


def _steps(step_id: str) -> st.SearchStrategy[StepRun]:
    return st.builds(
        StepRun,
        step_id=st.just(step_id),
        step_name=TEXT,
        step_type=st.sampled_from(StepType),
        state=st.sampled_from(StepState),
        objective_id=TEXT,
        agent_id=TEXT,
        delegation_id=TEXT,
        approval_request_id=TEXT,
        governance_decision=TEXT,
        event_id=TEXT,
        notification_id=TEXT,
        input_payload=PAYLOADS,
        output_payload=PAYLOADS,
        error_message=TEXT,
        retry_count=st.integers(0, 100),
        cost_usd=COSTS,
        started_at=TIMES,
        completed_at=TIMES,
    )


RUNS = st.builds(
    Run,
    id=TEXT,
    workspace_id=TEXT,
    definition_id=TEXT,
    definition_version=st.integers(1, 2**31 - 1),
    state=st.sampled_from(RunState),
    trigger_type=st.sampled_from(TriggerType),
    steps=st.lists(st.sampled_from("abcdef"), unique=True, max_size=4).flatmap(
        lambda ids: st.fixed_dictionaries({step_id: _steps(step_id) for step_id in ids})
    ),
    trigger_event_id=TEXT,
    initiator_agent_id=TEXT,
    initiator_user_id=TEXT,
    parent_run_id=TEXT,
    entity_id=TEXT,
    entity_type=TEXT,
    input_payload=PAYLOADS,
    output_payload=PAYLOADS,
    total_cost_usd=COSTS,
    started_at=TIMES,
    completed_at=TIMES,
)


def run_by_library(run: Run) -> pb.WorkflowRun:
    fields = _plain(run, pb.WorkflowRun.DESCRIPTOR.fields_by_name)
    fields["state"] = f"WORKFLOW_STATE_{run.state}"
    fields["trigger_type"] = f"TRIGGER_TYPE_{run.trigger_type}"
    fields["steps"] = [_step_fields(step) for step in run.steps.values()]
    return json_format.ParseDict(fields, pb.WorkflowRun())


def step_by_library(step: StepRun) -> pb.StepRun:
    return json_format.ParseDict(_step_fields(step), pb.StepRun())


def _step_fields(step: StepRun) -> dict[str, Any]:
    fields = _plain(step, pb.StepRun.DESCRIPTOR.fields_by_name)
    fields["state"] = f"STEP_RUN_STATE_{step.state}"
    fields["step_type"] = f"STEP_TYPE_{step.step_type}"
    return fields


def _plain(value: Run | StepRun, names: Any) -> dict[str, Any]:
    """Every field of the message, named alike in the domain, as protojson has it; what is empty is absent."""
    found = {name: getattr(value, name) for name in names}
    return {name: _json(each) for name, each in found.items() if each not in (None, {})}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
