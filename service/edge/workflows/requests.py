"""Requests of workflows.v1: proto to domain values, with every bad-input check.

Each function reports all that is wrong with its request in one Refusal (INVALID_ARGUMENT, a violation per field) and
otherwise gives plain values; nothing below the edge sees a protobuf message. What needs the state of a run or the
database (unknown ids, wrong moments) is not checked here. Called by the servicer; versions, controls and triggers
are read in modules of their own.
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from workflows.v1 import workflows_pb2 as pb

from service.domain.commands import TransitionStep
from service.domain.definition import BY_EVENT, TriggerType
from service.domain.run_search import RunFilter
from service.domain.start_requests import StartRequest
from service.domain.state import StepState
from service.edge.gate.caller import Caller
from service.edge.wire import enums
from service.edge.wire.checks import MAX_LONG_TEXT, Checks, Window


@dataclass(frozen=True, slots=True)
class NewDefinition:
    workspace_id: str
    name: str
    description: str
    tags: tuple[str, ...]


def new_definition(request: pb.CreateDefinitionRequest, caller: Caller) -> NewDefinition:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(workspace_id, required=True)
    name = checks.name("name", request.name)
    tags = checks.tags("tags", request.tags)
    checks.text("description", request.description, most=MAX_LONG_TEXT)
    checks.settle()
    return NewDefinition(workspace_id, name, request.description, tags)


def required_id(request: pb.GetDefinitionRequest | pb.GetRunRequest) -> str:
    return _only_id(request, "id")


def definition_id(request: pb.ListVersionsRequest) -> str:
    return _only_id(request, "definition_id")


def definition_list(request: pb.ListDefinitionsRequest, caller: Caller) -> tuple[str | None, str, Window]:
    """The workspace (None for all), the tag ("" for all) and the window."""
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(workspace_id)
    checks.tag("tag", request.tag)
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return workspace_id or None, request.tag, window


def run_list(request: pb.ListRunsRequest, caller: Caller) -> tuple[RunFilter, Window]:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    for field in ("definition_id", "entity_id", "initiator_agent_id"):
        checks.id(field, getattr(request, field))
    state = checks.member("state", request.state, enums.RUN_STATE_OF)
    window = checks.window(request.limit, request.offset)
    checks.settle()
    chosen = RunFilter(
        workspace_id=workspace_id or None,
        definition_id=request.definition_id,
        state=state,
        entity_id=request.entity_id,
        initiator_agent_id=request.initiator_agent_id,
    )
    return chosen, window


_START_IDS = (
    "initiator_agent_id",
    "initiator_user_id",
    "entity_id",
    "entity_type",
    "parent_run_id",
    "trigger_event_id",
)


def start_request(request: pb.StartRunRequest, caller: Caller) -> StartRequest:
    workspace_id, user_id = caller.meant(request.workspace_id), caller.begins_for(request.initiator_user_id)
    agent_id = caller.speaks_as(request.initiator_agent_id)
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.workspace(request.workspace_id)
    for field in _START_IDS:
        checks.id(field, getattr(request, field))
    checks.not_negative("definition_version", request.definition_version)
    trigger_type = _trigger_type(checks, request)
    payload = checks.payload("input_payload", request.input_payload)
    checks.settle()
    return StartRequest(
        definition_id=request.definition_id,
        definition_version=request.definition_version,
        workspace_id=workspace_id,
        trigger_type=trigger_type,
        trigger_event_id=request.trigger_event_id,
        initiator_agent_id=agent_id,
        initiator_user_id=user_id,
        parent_run_id=request.parent_run_id,
        entity_id=request.entity_id,
        entity_type=request.entity_type,
        input_payload=payload,
    )


def _trigger_type(checks: Checks, request: pb.StartRunRequest) -> TriggerType:
    omitted = TriggerType.WORKFLOW if request.parent_run_id else TriggerType.MANUAL
    found = checks.member("trigger_type", request.trigger_type, enums.TRIGGER_TYPE_OF) or omitted
    if found in BY_EVENT and not request.trigger_event_id:
        checks.note("trigger_event_id", "required", f"is required when the trigger type is {found}")
    return found


_REPORT_IDS = (
    "objective_id",
    "agent_id",
    "delegation_id",
    "approval_request_id",
    "governance_decision",
    "event_id",
    "notification_id",
)


def transition(request: pb.TransitionStepRequest, caller: Caller) -> tuple[str, TransitionStep]:
    """The run's id and the report on its step."""
    caller.speaks_as(request.agent_id)
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.id("step_id", request.step_id, required=True)
    ids: dict[str, Any] = {field: checks.id(field, getattr(request, field)) for field in _REPORT_IDS}
    state = _reported_state(checks, request.state)
    said_output = request.HasField("output_payload")
    output = checks.payload("output_payload", request.output_payload) if said_output else None
    cost = checks.cost("cost_usd", request.cost_usd)
    checks.text("error_message", request.error_message, most=MAX_LONG_TEXT)
    checks.settle()
    command = TransitionStep(
        **ids,
        step_id=request.step_id,
        state=state,
        output_payload=output,
        error_message=request.error_message,
        cost_usd=cost,
    )
    return request.run_id, command


def _reported_state(checks: Checks, number: int) -> StepState:
    state = checks.member("state", number, enums.STEP_STATE_OF)
    if state is StepState.PENDING or number == 0:
        checks.note("state", "state_not_reportable", "has to be what the step has reached, such as COMPLETED or FAILED")
    return state or StepState.PENDING


def _only_id(request: Message, field: str) -> str:
    checks = Checks.of(request)
    found = checks.id(field, getattr(request, field), required=True)
    checks.settle()
    return found
