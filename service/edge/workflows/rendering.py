"""Domain values as the wire's messages.

Runs are rendered straight to bytes: a step's message is made once per state of that step and remembered, and a run is
its own fields followed by its steps' bytes. Definitions and versions are rare and become ordinary messages. Rendering
trusts the domain and cannot fail. Called by `answers`, which fits the result into a message.
"""

from datetime import datetime
from typing import Any

from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import Definition, Edge, Payload, RetryPolicy, StepDefinition, Trigger, Version
from service.domain.state import Run, StepRun
from service.edge.wire import enums, framing, payloads
from service.edge.workflows.cache import IdentityCache

CACHE_BYTES = 8 * 1024 * 1024

# Field numbers of payloads and steps, which are appended to the other fields as bytes.
STEP_INPUT = pb.StepRun.INPUT_PAYLOAD_FIELD_NUMBER
STEP_OUTPUT = pb.StepRun.OUTPUT_PAYLOAD_FIELD_NUMBER
RUN_STEPS = pb.WorkflowRun.STEPS_FIELD_NUMBER
RUN_INPUT = pb.WorkflowRun.INPUT_PAYLOAD_FIELD_NUMBER
RUN_OUTPUT = pb.WorkflowRun.OUTPUT_PAYLOAD_FIELD_NUMBER


class Renderer:
    """Renders runs and steps to bytes, remembering what it rendered."""

    def __init__(self) -> None:
        self._cache = IdentityCache(CACHE_BYTES)

    def run(self, run: Run) -> bytes:
        steps = [framing.field(RUN_STEPS, self.step(step)) for step in run.steps.values()]
        return b"".join((run_head(run), *self._own_payloads(run), *steps))

    def run_without_step_payloads(self, run: Run) -> bytes:
        steps = [framing.field(RUN_STEPS, step_head(step)) for step in run.steps.values()]
        return b"".join((run_head(run), *self._own_payloads(run), *steps))

    def step(self, step: StepRun) -> bytes:
        return self._cache.get(step, self._step)

    def _step(self, step: StepRun) -> bytes:
        return b"".join(
            (
                step_head(step),
                _payload(STEP_INPUT, step.input_payload),
                _payload(STEP_OUTPUT, step.output_payload),
            )
        )

    def _own_payloads(self, run: Run) -> tuple[bytes, bytes]:
        return self._payload(RUN_INPUT, run.input_payload), self._payload(RUN_OUTPUT, run.output_payload)

    def _payload(self, number: int, value: Payload) -> bytes:
        return framing.field(number, self._cache.get(value, payloads.write)) if value else b""


def _payload(number: int, value: Payload) -> bytes:
    """A payload as a field; nothing when it is empty."""
    return framing.field(number, payloads.write(value)) if value else b""


def step_head(step: StepRun) -> bytes:
    """A step without its payloads."""
    return pb.StepRun(
        step_id=step.step_id,
        step_name=step.step_name,
        step_type=enums.STEP_TYPE[step.step_type],
        state=enums.STEP_STATE[step.state],
        objective_id=step.objective_id,
        agent_id=step.agent_id,
        delegation_id=step.delegation_id,
        approval_request_id=step.approval_request_id,
        governance_decision=step.governance_decision,
        event_id=step.event_id,
        notification_id=step.notification_id,
        error_message=step.error_message,
        retry_count=step.retry_count,
        cost_usd=float(step.cost_usd),
        started_at=moment(step.started_at),
        completed_at=moment(step.completed_at),
    ).SerializeToString()


def run_head(run: Run) -> bytes:
    """A run without its steps and payloads."""
    return pb.WorkflowRun(
        id=run.id,
        definition_id=run.definition_id,
        definition_version=run.definition_version,
        workspace_id=run.workspace_id,
        state=enums.RUN_STATE[run.state],
        trigger_event_id=run.trigger_event_id,
        trigger_type=enums.TRIGGER_TYPE[run.trigger_type],
        initiator_agent_id=run.initiator_agent_id,
        initiator_user_id=run.initiator_user_id,
        parent_run_id=run.parent_run_id,
        entity_id=run.entity_id,
        entity_type=run.entity_type,
        total_cost_usd=float(run.total_cost_usd),
        started_at=moment(run.started_at),
        completed_at=moment(run.completed_at),
    ).SerializeToString()


def definition(value: Definition) -> pb.WorkflowDefinition:
    return pb.WorkflowDefinition(
        id=value.id,
        workspace_id=value.workspace_id,
        name=value.name,
        description=value.description,
        latest_version=value.latest_version,
        tags=value.tags,
        created_at=moment(value.created_at),
        updated_at=moment(value.updated_at),
    )


def version(value: Version) -> pb.WorkflowVersion:
    return pb.WorkflowVersion(
        id=value.id,
        definition_id=value.definition_id,
        version=value.version,
        steps=[_step_definition(step) for step in value.steps],
        edges=[_edge(edge) for edge in value.edges],
        trigger=_trigger(value.trigger),
        default_retry_policy=_policy(value.default_retry_policy),
        timeout_seconds=value.timeout_seconds,
        author=value.author,
        created_at=moment(value.created_at),
    )


def _step_definition(step: StepDefinition) -> pb.StepDefinition:
    message = pb.StepDefinition(
        id=step.id,
        name=step.name,
        step_type=enums.STEP_TYPE[step.step_type],
        agent_id=step.agent_id,
        required_capability=step.required_capability,
        action_type=step.action_type,
        risk_level=step.risk_level,
        event_type_pattern=step.event_type_pattern,
        event_subject_pattern=step.event_subject_pattern,
        notification_channel=step.notification_channel,
        notification_template=step.notification_template,
        condition_expr=step.condition_expr,
        compensation_step_id=step.compensation_step_id,
        retry_policy=_policy(step.retry_policy),
        timeout_seconds=step.timeout_seconds,
        prompt_name=step.prompt_name,
        skill_id=step.skill_id,
    )
    if step.config:
        message.config.ParseFromString(payloads.write(step.config))
    return message


def _edge(edge: Edge) -> pb.Edge:
    return pb.Edge(
        from_step_id=edge.from_step_id,
        to_step_id=edge.to_step_id,
        condition_expr=edge.condition_expr,
        label=edge.label,
    )


def _trigger(trigger: Trigger | None) -> pb.WorkflowTrigger | None:
    if trigger is None:
        return None
    return pb.WorkflowTrigger(
        trigger_type=enums.TRIGGER_TYPE[trigger.trigger_type],
        event_type=trigger.event_type,
        event_subject=trigger.event_subject,
        tap_provider=trigger.tap_provider,
        tap_entity_type=trigger.tap_entity_type,
        tap_action=trigger.tap_action,
        cron_expr=trigger.cron_expr,
        parent_workflow_id=trigger.parent_workflow_id,
        filter_expr=trigger.filter_expr,
    )


def _policy(policy: RetryPolicy | None) -> pb.RetryPolicy | None:
    if policy is None:
        return None
    return pb.RetryPolicy(
        max_retries=policy.max_retries,
        backoff_seconds=policy.backoff_seconds,
        backoff_multiplier=policy.backoff_multiplier,
    )


def moment(at: datetime | None) -> Any:
    """protobuf takes a datetime for a Timestamp and None for nothing; its stubs know only the message."""
    return at
