"""Runs and steps as the bytes of the wire's messages.

A step's message is made once per state of that step and remembered, and a run is its own fields followed by its steps'
bytes. Rendering trusts the domain and cannot fail. Called by `run_replies`, which fits the result into a message.
"""

from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import Payload
from service.domain.state import Run, StepRun
from service.edge.wire import enums, framing, payloads
from service.edge.wire.moments import moment
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
