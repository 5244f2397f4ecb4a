"""Definitions and versions as responses. Rendering trusts the domain and cannot fail.

They are rare, unlike runs (`run_replies`), and become ordinary messages. A list is bounded by what fits into one
message. Called by the servicer.
"""

from collections.abc import Sequence

from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import Definition, Edge, Published, RetryPolicy, StepDefinition, Trigger, Version
from service.domain.paging import Page
from service.edge.wire import enums, payloads
from service.edge.wire.answers import Answer, listed
from service.edge.wire.moments import moment


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


def definitions(page: Page[Definition]) -> Answer:
    return listed((definition(row).SerializeToString() for row in page.rows), len(page.rows), page.total)


def published(value: Published) -> pb.PublishVersionResponse:
    return pb.PublishVersionResponse(version=version(value.version), definition=definition(value.definition))


def versions(found: Sequence[Version]) -> Answer:
    """The newest versions that fit."""
    return listed((version(each).SerializeToString() for each in found), len(found), 0)


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
