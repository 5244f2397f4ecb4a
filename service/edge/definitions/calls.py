"""What the RPCs for operators of definitions ask for.

`Definitions` is `store.definitions`, `VersionSchemas` is `store.schemas`; only what draws a version, beside the event
loop, is here.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from service.domain.definition import Definition, Describing, SchemaRevision, Schemas, Version
from service.domain.difference import OpenRuns
from service.domain.idempotency import Idem, Replayable
from service.domain.picture import Format, picture_of_version
from service.engine.plans import Plans


class Definitions(Protocol):
    async def describe(
        self, wanted: Describing, visible: str | None, actor: str, idem: Idem | None, trace: str
    ) -> Replayable[Definition]: ...

    async def get(self, definition_id: str, visible: str | None) -> Definition | None: ...

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
        wanted: Schemas,
        visible: str | None,
        actor: str,
        idem: Idem | None,
    ) -> Replayable[SchemaRevision]:
        """Sets both; gives what is in force."""
        ...


class Pictures(Protocol):
    async def version_picture(self, definition_id: str, number: int, wanted: Format, visible: str | None) -> str | None:
        """None when there is no such definition."""
        ...


class Reads(Protocol):
    """Seeing only what the workspace may see."""

    async def definition(self, definition_id: str, visible: str | None) -> Definition | None: ...


class EnginePictures:
    def __init__(self, reads: Reads, plans: Plans) -> None:
        self._reads = reads
        self._plans = plans

    async def version_picture(self, definition_id: str, number: int, wanted: Format, visible: str | None) -> str | None:
        definition = await self._reads.definition(definition_id, visible)
        if definition is None:
            return None
        plan = await self._plans.get(definition_id, definition.numbered(number))
        return await asyncio.to_thread(picture_of_version, plan, definition.name, wanted)
