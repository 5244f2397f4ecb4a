"""What the edge needs of the service behind it, as protocols that wiring satisfies.

Requests arrive here parsed and checked; answers leave as domain values. `visible` is the workspace whose rows may be
found, None for all of them (open mode). Methods raise `Refusal` for everything a caller can do something about, and
`StoreUnavailable` when the database does not answer; every other exception is a fault of ours.
"""

from collections.abc import Sequence
from typing import Protocol

from service.domain import definition
from service.domain.bulk import BulkOrder, Chosen, Controlled, Target
from service.domain.commands import Envelope
from service.domain.definition import Definition, Published, SchemaRevision, Version
from service.domain.difference import OpenRuns
from service.domain.explain import Explanation
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.picture import Format
from service.domain.run_history import EventPage, History
from service.domain.run_search import FoundRuns, RunFilter, RunSearch
from service.domain.start_requests import ForkRequest, StartRequest, Triggered, TriggerRequest
from service.domain.state import Run
from service.domain.task_list import TaskFilter, TaskRow
from service.domain.undo_preview import ToUndo


class Definitions(Protocol):
    async def create(
        self,
        workspace_id: str,
        name: str,
        description: str,
        tags: Sequence[str],
        actor: str,
        idem: Idem | None,
        trace: str,
    ) -> Replayable[Definition]: ...

    async def get(self, definition_id: str, visible: str | None) -> Definition | None: ...

    async def list(self, workspace_id: str | None, tag: str, limit: int, offset: int) -> Page[Definition]: ...

    async def publish(
        self, draft: Version, visible: str | None, actor: str, idem: Idem | None, trace: str
    ) -> Replayable[Published]:
        """Stores the draft as the next version; its id, number, workspace and time are given by the store."""
        ...

    async def versions(self, definition_id: str, visible: str | None) -> Sequence[Version] | None:
        """Newest first; None when there is no such definition."""
        ...

    async def version(self, definition_id: str, number: int, visible: str | None) -> Version | None: ...

    async def open_runs(self, definition_id: str, visible: str | None) -> Sequence[OpenRuns]:
        """The runs that have not ended, by their version, newest first."""
        ...

    async def bound(
        self, definition_id: str, max_run_seconds: int, visible: str | None, idem: Idem | None
    ) -> Replayable[int]:
        """Bounds the runs that start from now on; gives what is in force. 0 is no bound."""
        ...

    async def enable(
        self, definition_id: str, enabled: bool, visible: str | None, idem: Idem | None
    ) -> Replayable[bool]:
        """Lets runs start from now on, or not; gives what is in force."""
        ...


class VersionSchemas(Protocol):
    """The schemas beside versions; version 0 is the latest, revision 0 the one in force."""

    async def get(self, definition_id: str, number: int, revision: int, visible: str | None) -> SchemaRevision | None:
        """None when there is no such version."""
        ...

    async def put(
        self,
        definition_id: str,
        number: int,
        wanted: definition.Schemas,
        visible: str | None,
        actor: str,
        idem: Idem | None,
    ) -> Replayable[SchemaRevision]:
        """Sets both; gives what is in force."""
        ...


class Runs(Protocol):
    async def start(
        self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Run]: ...

    async def change(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        """Brings a command to the run; gives the run as the command left it."""
        ...

    async def fork(
        self, request: ForkRequest, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Run]: ...

    async def to_undo(self, run_id: str, visible: str | None) -> Sequence[Sequence[ToUndo]] | None:
        """What a compensation would undo now, level by level; None when there is no such run."""
        ...

    async def get(self, run_id: str, visible: str | None) -> Run | None: ...

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]: ...


class Inquiries(Protocol):
    """What operators ask about runs and versions. None when there is no such run or definition."""

    async def explain(self, run_id: str, visible: str | None) -> Explanation | None: ...

    async def history(
        self, run_id: str, after: int, after_audit: int, limit: int, visible: str | None
    ) -> History | None: ...

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None: ...

    async def picture(self, run_id: str, wanted: Format, visible: str | None) -> str | None: ...

    async def version_picture(
        self, definition_id: str, number: int, wanted: Format, visible: str | None
    ) -> str | None: ...

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns: ...


class Bulk(Protocol):
    """Controls of many runs at once."""

    async def choose(self, order: BulkOrder, idem: Idem | None) -> Replayable[Chosen]:
        """Which runs a page is about; the same ones again when the call is repeated."""
        ...

    async def control(
        self, order: BulkOrder, targets: Sequence[Target], visible: str | None, actor: str, idem: Idem | None
    ) -> Sequence[Controlled]:
        """Brings the command to each run; what one of them refuses stops no other."""
        ...


class Triggers(Protocol):
    async def handle(self, request: TriggerRequest, idem: Idem | None) -> Replayable[Triggered]:
        """Takes an event or a tick in; gives what it brought about, also when it was taken in before."""
        ...


class Tasks(Protocol):
    async def change(self, run_id: str, step_id: str, envelope: Envelope, visible: str | None) -> Replayable[TaskRow]:
        """Brings a command to the task's run; gives the task as the command left it, without its comments."""
        ...

    async def get(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None: ...

    async def list(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]: ...
