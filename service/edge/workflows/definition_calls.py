"""What the RPCs on definitions and versions ask for; `store.definitions` answers them, there is nothing in between."""

from collections.abc import Sequence
from typing import Protocol

from service.domain.definition import Definition, Published, Version
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page


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
