"""PublishVersion's request as a draft of a version, with what is wrong with its encoding.

The meaning of the graph is judged by `service.domain.validate`; here only what cannot be said in domain values at all:
unknown enum numbers, NUL, payloads that could not be stored. Both kinds of finding are reported together,
so a draft is always built: `Draft.unreadable` are the steps whose type is a stand-in, about which the graph's checks
have nothing to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, Trigger, TriggerType, Version
from service.domain.errors import Violation
from service.domain.publish.structure import MAX_EDGES, MAX_STEPS
from service.edge.wire import enums
from service.edge.wire.checks import Checks

_STAND_IN = StepType.HUMAN_TASK
_NOT_YET = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Draft:
    """`version` has no id, number, workspace or time yet; the store gives them."""

    version: Version
    violations: tuple[Violation, ...]
    unreadable: frozenset[int]

    def merged(self, problems: Sequence[Violation]) -> tuple[Violation, ...]:
        """Everything wrong, without what the graph's checks said about stand-ins."""
        return self.violations + self.told(problems)

    def told(self, found: Sequence[Violation]) -> tuple[Violation, ...]:
        """Without what was found about stand-ins."""
        stand_ins = tuple(f"steps[{index}]" for index in self.unreadable)
        return tuple(each for each in found if not each.path.startswith(stand_ins))

    @property
    def looked_up(self) -> str:
        """The definition it is of; nothing when it names none, or none that there could be."""
        unfit = any(violation.path == "definition_id" for violation in self.violations)
        return "" if unfit else self.version.definition_id


def draft(request: pb.PublishVersionRequest, *, named: bool = True) -> Draft:
    """Of a graph over the limits one step or edge too many is read: enough for the graph's checks to refuse it.

    `named`: the draft has to say of which definition it is.
    """
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=named)
    wire_steps, wire_edges = request.steps[: MAX_STEPS + 1], request.edges[: MAX_EDGES + 1]
    steps = tuple(_step(checks, f"steps[{i}].", step) for i, step in enumerate(wire_steps))
    edges = tuple(_edge(checks, f"edges[{i}].", edge) for i, edge in enumerate(wire_edges))
    version = Version(
        id="",
        definition_id=request.definition_id,
        workspace_id="",
        version=0,
        steps=steps,
        edges=edges,
        trigger=_trigger(checks, request.trigger),
        default_retry_policy=_retry(request),
        timeout_seconds=request.timeout_seconds,
        author=request.author,
        created_at=_NOT_YET,
    )
    unreadable = frozenset(i for i, step in enumerate(wire_steps) if step.step_type not in enums.STEP_TYPE_OF)
    return Draft(version, tuple(checks.violations), unreadable)


def _step(checks: Checks, prefix: str, step: pb.StepDefinition) -> StepDefinition:
    checks.texts(step, prefix)
    if step.step_type == pb.STEP_TYPE_UNSPECIFIED:
        checks.note(prefix + "step_type", "required", "is required")
    elif step.step_type not in enums.STEP_TYPE_OF:
        checks.note(prefix + "step_type", "unknown_enum_value", "is not a known value")
    return StepDefinition(
        id=step.id,
        step_type=enums.STEP_TYPE_OF.get(step.step_type, _STAND_IN),
        name=step.name,
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
        config=checks.payload(prefix + "config", step.config),
        retry_policy=_policy(step.retry_policy) if step.HasField("retry_policy") else None,
        timeout_seconds=step.timeout_seconds,
        prompt_name=step.prompt_name,
        skill_id=step.skill_id,
    )


def _edge(checks: Checks, prefix: str, edge: pb.Edge) -> Edge:
    checks.texts(edge, prefix)
    return Edge(edge.from_step_id, edge.to_step_id, edge.condition_expr, edge.label)


def _trigger(checks: Checks, trigger: pb.WorkflowTrigger) -> Trigger | None:
    """None when nothing is said of it."""
    if not trigger.ListFields():
        return None
    checks.texts(trigger, "trigger.")
    if trigger.trigger_type not in enums.TRIGGER_TYPE_OF:
        reason = "unknown_enum_value" if trigger.trigger_type else "required"
        checks.note("trigger.trigger_type", reason, "has to be a known trigger type")
    return Trigger(
        trigger_type=enums.TRIGGER_TYPE_OF.get(trigger.trigger_type, TriggerType.MANUAL),
        event_type=trigger.event_type,
        event_subject=trigger.event_subject,
        tap_provider=trigger.tap_provider,
        tap_entity_type=trigger.tap_entity_type,
        tap_action=trigger.tap_action,
        cron_expr=trigger.cron_expr,
        parent_workflow_id=trigger.parent_workflow_id,
        filter_expr=trigger.filter_expr,
    )


def _retry(request: pb.PublishVersionRequest) -> RetryPolicy | None:
    return _policy(request.default_retry_policy) if request.HasField("default_retry_policy") else None


def _policy(policy: pb.RetryPolicy) -> RetryPolicy:
    return RetryPolicy(policy.max_retries, policy.backoff_seconds, policy.backoff_multiplier)
