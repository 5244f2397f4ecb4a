"""What callers hand in and get back, beside commands: plain values that the edge and the store both know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from service.domain.bus_event import BusEvent
from service.domain.definition import Definition, Payload, Schemas, TriggerType, Version
from service.domain.state import Run, RunState, StepState, Task, TaskStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Idem:
    """A caller's idempotency key: `scope` keeps callers apart, `digest` tells a repetition from a conflict."""

    scope: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Replayable(Generic[T]):
    """An answer, and whether it repeats one that was given before."""

    value: T
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first, and how many there are under the same filter."""

    rows: Sequence[T]
    total: int


@dataclass(frozen=True, slots=True)
class Published:
    version: Version
    definition: Definition


@dataclass(frozen=True, slots=True)
class SchemaRevision:
    """The schemas of a version as somebody set them; nobody has set revision 0."""

    version: int
    schemas: Schemas
    actor: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StartRequest:
    """`definition_version` 0 is the latest; `workspace_id` "" is the definition's own."""

    definition_id: str
    definition_version: int
    workspace_id: str
    trigger_type: TriggerType
    trigger_event_id: str
    initiator_agent_id: str
    initiator_user_id: str
    parent_run_id: str
    entity_id: str
    entity_type: str
    input_payload: Payload


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """`definition_version` 0 is the one of the run that is forked."""

    run_id: str
    step_id: str
    definition_version: int
    reason: str


@dataclass(frozen=True, slots=True)
class ToUndo:
    """A step that a compensation would undo: by which step of its own version, or by which child runs' compensation."""

    step_id: str
    state: StepState
    compensation_step_id: str
    child_run_ids: Sequence[str]
    attempted_before: bool


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """What may start runs: an event that was handed in, or a tick of one schedule, or of all when none is named."""

    event: BusEvent
    cron_expr: str = ""


@dataclass(frozen=True, slots=True)
class Triggered:
    """What an event or a tick brought about: runs it started, and others that it moved; no run is in both."""

    started: Sequence[Run]
    updated: Sequence[Run]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Empty text and None match everything; what is given must all match."""

    workspace_id: str | None
    definition_id: str
    state: RunState | None
    entity_id: str
    initiator_agent_id: str


@dataclass(frozen=True, slots=True)
class TaskComment:
    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A person's task with where it belongs and what was said about it, in order."""

    run_id: str
    workspace_id: str
    definition_id: str
    task: Task
    comments: tuple[TaskComment, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Empty text and None match everything; what is given must all match. `due_before` leaves out what is never due."""

    workspace_id: str | None
    assignee: str = ""
    group: str = ""
    claimed_by: str = ""
    status: TaskStatus | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is about, as somebody says it."""

    entity_id: str = ""
    entity_type: str = ""


@dataclass(frozen=True, slots=True)
class CanonicalEntity:
    """A record as the entities service knows it; `entity_type` is the sibling's enum name."""

    id: str
    entity_type: str
    name: str
