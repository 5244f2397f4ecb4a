"""What a team publishes: definitions and their immutable versions.

A definition is a name in a workspace; a version is a snapshot of a graph of typed steps, and a run always follows
exactly one version. These are plain values: the edge parses them from the wire, the store keeps them as JSON, and
`validate` says what is wrong with them. Nothing here knows what a run is.

Names of enum members equal the wire's without their prefix (`STEP_TYPE_BRANCH` is `StepType.BRANCH`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from service.domain.errors import not_published

Json: TypeAlias = Any
"""A JSON-shaped value: None, bool, int, float, str, list or dict of the same. Never Decimal, tuple or datetime."""

Payload: TypeAlias = Mapping[str, Any]
"""A JSON object. Payloads are never changed in place."""


class StepType(StrEnum):
    AGENT_ACTION = "AGENT_ACTION"
    APPROVAL_GATE = "APPROVAL_GATE"
    GOVERNANCE_CHECK = "GOVERNANCE_CHECK"
    WAIT_FOR_EVENT = "WAIT_FOR_EVENT"
    BRANCH = "BRANCH"
    PARALLEL = "PARALLEL"
    NOTIFICATION = "NOTIFICATION"
    HUMAN_TASK = "HUMAN_TASK"


class TriggerType(StrEnum):
    EVENT = "EVENT"
    SCHEDULE = "SCHEDULE"
    MANUAL = "MANUAL"
    WEBHOOK = "WEBHOOK"
    WORKFLOW = "WORKFLOW"


BY_EVENT = frozenset({TriggerType.EVENT, TriggerType.WEBHOOK})
"""What an event starts, and starts once."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries after the first attempt; the delay before retry n (from 1) is `backoff * multiplier ** (n - 1)`."""

    max_retries: int = 0
    backoff_seconds: int = 0
    backoff_multiplier: float = 1.0


@dataclass(frozen=True, slots=True)
class StepDefinition:
    id: str
    step_type: StepType
    name: str = ""
    agent_id: str = ""
    required_capability: str = ""
    action_type: str = ""
    risk_level: str = ""
    event_type_pattern: str = ""
    event_subject_pattern: str = ""
    notification_channel: str = ""
    notification_template: str = ""
    condition_expr: str = ""
    compensation_step_id: str = ""
    config: Payload = field(default_factory=dict)
    retry_policy: RetryPolicy | None = None
    timeout_seconds: int = 0
    prompt_name: str = ""
    skill_id: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    from_step_id: str
    to_step_id: str
    condition_expr: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    trigger_type: TriggerType = TriggerType.MANUAL
    event_type: str = ""
    event_subject: str = ""
    tap_provider: str = ""
    tap_entity_type: str = ""
    tap_action: str = ""
    cron_expr: str = ""
    parent_workflow_id: str = ""
    filter_expr: str = ""


@dataclass(frozen=True, slots=True)
class Describing:
    """What to say of a definition from now on; None leaves it as it is."""

    definition_id: str
    description: str | None
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Definition:
    """`max_run_seconds` bounds every run that starts, whatever its version says; 0 is no bound. One that is not
    `enabled` starts no runs. `schema_revisions` are the revisions of the schemas in force, by version."""

    id: str
    workspace_id: str
    name: str
    description: str
    latest_version: int
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    max_run_seconds: int = 0
    enabled: bool = True
    schema_revisions: Mapping[str, int] = field(default_factory=dict)

    def numbered(self, number: int) -> int:
        """The number of the version that is meant: 0 is the latest. Raises Refusal when there is none yet."""
        if not (number or self.latest_version):
            raise not_published()
        return number or self.latest_version

    def schema_revision(self, version: int) -> int:
        """0 for a version that never had schemas."""
        return self.schema_revisions.get(str(version), 0)


@dataclass(frozen=True, slots=True)
class Schemas:
    """JSON Schemas for what runs of a version start with and yield; an empty one demands nothing.

    They stand beside the version and may change; each change is a new `revision`, 0 is before the first.
    """

    revision: int = 0
    input: Payload = field(default_factory=dict)
    output: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable snapshot of a graph. `trigger` is None when the publisher named none (then it is MANUAL).

    `schemas` are those that stood beside it when it was read.
    """

    id: str
    definition_id: str
    workspace_id: str
    version: int
    steps: tuple[StepDefinition, ...]
    edges: tuple[Edge, ...]
    trigger: Trigger | None
    default_retry_policy: RetryPolicy | None
    timeout_seconds: int
    author: str
    created_at: datetime
    schemas: Schemas = field(default_factory=Schemas)


@dataclass(frozen=True, slots=True)
class Published:
    """A version that was just published, and its definition as it is since."""

    version: Version
    definition: Definition


@dataclass(frozen=True, slots=True)
class SchemaRevision:
    """The schemas of a version as somebody set them; nobody has set revision 0."""

    version: int
    schemas: Schemas
    actor: str = ""
    set_at: datetime | None = None
