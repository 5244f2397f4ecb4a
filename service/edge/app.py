"""What the edge needs of the service behind it, as protocols that wiring satisfies.

Requests arrive here parsed and checked; answers leave as domain values. `visible` is the workspace whose rows may be
found, None for all of them (open mode). Methods raise `Refusal` for everything a caller can do something about, and
`StoreUnavailable` when the database does not answer; every other exception is a fault of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from service.domain.commands import Envelope
from service.domain.definition import Definition, Payload, TriggerType, Version
from service.domain.state import Run, RunState

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
class RunFilter:
    """Empty text and None match everything; what is given must all match."""

    workspace_id: str | None
    definition_id: str
    state: RunState | None
    entity_id: str
    initiator_agent_id: str


class Definitions(Protocol):
    async def create(
        self,
        workspace_id: str,
        name: str,
        description: str,
        tags: Sequence[str],
        actor: str,
        idem: Idem | None,
    ) -> Replayable[Definition]: ...

    async def get(self, definition_id: str, visible: str | None) -> Definition | None: ...

    async def list(self, workspace_id: str | None, tag: str, limit: int, offset: int) -> Page[Definition]: ...

    async def publish(
        self, draft: Version, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Published]:
        """Stores the draft as the next version; its id, number, workspace and time are given by the store."""
        ...

    async def versions(self, definition_id: str, visible: str | None) -> Sequence[Version] | None:
        """Newest first; None when there is no such definition."""
        ...


class Runs(Protocol):
    async def start(
        self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Run]: ...

    async def transition(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]: ...

    async def get(self, run_id: str, visible: str | None) -> Run | None: ...

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]: ...
