"""Definitions and versions are written here, each with its change and, when asked, the answer to repeat.

A transaction locks the definition first, so versions of one definition are numbered serially and its changes densely,
whoever publishes at the same moment. An idempotency key is recorded in the same transaction as what it answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg

from service.domain.definition import Definition, Describing, Published, StepType, Version
from service.domain.difference import OpenRuns
from service.domain.errors import Kind, Refusal, not_found
from service.domain.idempotency import Idem, Replayable
from service.domain.ids import Ids
from service.domain.paging import Page
from service.domain.waits import awaited_pattern
from service.store import triggers
from service.store.codec import text
from service.store.decision import shard_of
from service.store.graph import definition_of, version_of
from service.store.pool import Connection, Pool, Row
from service.store.queries import query
from service.store.reads import Reads
from service.store.repeatable import RepeatableCall, one
from service.store.schedules import swap


class Definitions:
    """Constructed with a pool of the engine's role and the reads. Raises Refusal and StoreUnavailable."""

    def __init__(self, pool: Pool, reads: Reads, ids: Ids) -> None:
        self._pool = pool
        self._reads = reads
        self._ids = ids

    async def create(
        self,
        workspace_id: str,
        name: str,
        description: str,
        tags: Sequence[str],
        actor: str,
        idem: Idem | None,
        trace: str = "",
    ) -> Replayable[Definition]:
        call = RepeatableCall("CreateDefinition", workspace_id, idem)
        try:
            async with self._pool.transaction() as connection:
                known = await call.answered(connection)
                if known is not None:
                    return Replayable(_definition_again(known), replay=True)
                columns = (self._ids.definition(), workspace_id, name, description, list(tags))
                definition = await _create(connection, columns)
                await _record(connection, definition, 1, "definition", "create", (actor, trace), asdict(definition))
                await call.answer(connection, definition)
                return Replayable(definition)
        except psycopg.errors.UniqueViolation as taken:
            raise Refusal(Kind.EXISTS, "definition_exists", "the workspace has a definition of this name") from taken

    async def publish(
        self, draft: Version, visible: str | None, actor: str, idem: Idem | None, trace: str = ""
    ) -> Replayable[Published]:
        """Stores the draft as the next version of its definition; id, number, workspace and time are given here."""
        async with self._pool.transaction() as connection:
            sequence, workspace_id = await lock(connection, draft.definition_id, visible)
            call = RepeatableCall("PublishVersion", workspace_id, idem)
            known = await call.answered(connection)
            if known is not None:
                return Replayable(_published_again(known), replay=True)
            published = await _publish(connection, draft, workspace_id, self._ids.version())
            await swap(connection, draft.definition_id, workspace_id, draft.trigger)
            told = _told_version(published.version)
            await _record(connection, published.definition, sequence + 1, "version", "publish", (actor, trace), told)
            await call.answer(connection, published)
            return Replayable(published)

    async def describe(
        self, wanted: Describing, visible: str | None, actor: str, idem: Idem | None, trace: str = ""
    ) -> Replayable[Definition]:
        """What is so already is no change: nothing is published of it."""
        async with self._pool.transaction() as connection:
            sequence, workspace_id = await lock(connection, wanted.definition_id, visible)
            call = RepeatableCall("DescribeDefinition", workspace_id, idem)
            known = await call.answered(connection)
            if known is not None:
                return Replayable(_definition_again(known), replay=True)
            tags = None if wanted.tags is None else list(wanted.tags)
            changed = await one(connection, "definition_describe", (wanted.definition_id, wanted.description, tags))
            if changed is not None:
                told = definition_of(changed)
                await _record(connection, told, sequence + 1, "definition", "update", (actor, trace), asdict(told))
            else:
                params = (workspace_id, wanted.definition_id, "")
                told = definition_of(await _returned(connection, "definition_find", params))
            await call.answer(connection, told)
            return Replayable(told)

    async def bound(
        self, definition_id: str, max_run_seconds: int, visible: str | None, idem: Idem | None
    ) -> Replayable[int]:
        """Bounds the runs that start from now on; gives what is in force. 0 is no bound."""
        async with self._pool.transaction() as connection:
            _, workspace_id = await lock(connection, definition_id, visible)
            call = RepeatableCall("SetMaxRunDuration", workspace_id, idem)
            known = await call.answered(connection)
            if known is not None:
                return Replayable(known, replay=True)
            (seconds,) = await _returned(connection, "definition_bound", (definition_id, max_run_seconds))
            await call.answer(connection, seconds)
            return Replayable(seconds)

    async def enable(
        self, definition_id: str, enabled: bool, visible: str | None, idem: Idem | None
    ) -> Replayable[bool]:
        """Lets runs start from now on, or not; gives what is in force."""
        async with self._pool.transaction() as connection:
            _, workspace_id = await lock(connection, definition_id, visible)
            call = RepeatableCall("SetEnabled", workspace_id, idem)
            known = await call.answered(connection)
            if known is not None:
                return Replayable(known, replay=True)
            (stands,) = await _returned(connection, "definition_enable", (definition_id, enabled))
            await triggers.enable(connection, definition_id, enabled)
            await call.answer(connection, stands)
            return Replayable(stands)

    async def get(self, definition_id: str, visible: str | None) -> Definition | None:
        return await self._reads.definition(definition_id, visible)

    async def find(self, workspace_id: str, definition_id: str, name: str) -> Definition | None:
        """Of that id, or of that name when the id is empty, within the workspace: the engine's Catalogue."""
        rows = await self._pool.read(query("definition_find"), (workspace_id, definition_id, name))
        return definition_of(rows[0]) if rows else None

    async def list(self, workspace_id: str | None, tag: str, limit: int, offset: int) -> Page[Definition]:
        return await self._reads.definitions(workspace_id, tag, limit, offset)

    async def versions(self, definition_id: str, visible: str | None) -> Sequence[Version] | None:
        return await self._reads.versions(definition_id, visible)

    async def version(self, definition_id: str, number: int, visible: str | None) -> Version | None:
        return await self._reads.version(definition_id, number, visible)

    async def open_runs(self, definition_id: str, visible: str | None) -> Sequence[OpenRuns]:
        return await self._reads.open_runs(definition_id, visible)


async def lock(connection: Connection, definition_id: str, visible: str | None) -> tuple[int, str]:
    """The number of its last change, and its workspace. Raises Refusal when it is not there, or not visible."""
    row = await one(connection, "definition_lock", (definition_id,))
    if row is None or visible not in (None, row[1]):
        raise not_found("definition", definition_id)
    return row[0], row[1]


async def _create(connection: Connection, params: Sequence[object]) -> Definition:
    return definition_of(await _returned(connection, "definition_create", params))


async def _publish(connection: Connection, draft: Version, workspace_id: str, version_id: str) -> Published:
    definition = definition_of(await _returned(connection, "definition_advance", (draft.definition_id,)))
    number = definition.latest_version
    row = await _returned(
        connection,
        "version_create",
        (
            version_id,
            draft.definition_id,
            workspace_id,
            number,
            text(draft.steps),
            text(draft.edges),
            draft.trigger and text(draft.trigger),
            draft.default_retry_policy and text(draft.default_retry_policy),
            draft.timeout_seconds,
            draft.author,
        ),
    )
    await triggers.index(connection, draft.definition_id, draft.trigger)
    await connection.execute(
        query("awaited_create"), (workspace_id, draft.definition_id, number, text(_awaited_types(draft)))
    )
    return Published(version_of(row), definition)


async def _record(
    connection: Connection,
    definition: Definition,
    sequence: int,
    aggregate: str,
    operation: str,
    by: tuple[str, str],
    data: object,
) -> None:
    """`by` is the actor and the trace of the call."""
    (actor, trace), stream, cause = by, definition.id, f"rpc:{aggregate}.{operation}"
    about = (aggregate, operation, definition.workspace_id, actor, cause, trace)
    await connection.execute(query("change_create"), (stream, sequence, shard_of(stream), *about, text(data)))


async def _returned(connection: Connection, name: str, params: Sequence[object]) -> Row:
    row = await one(connection, name, params)
    if row is None:
        raise LookupError(f"{name} gave no row")
    return row


def _awaited_types(draft: Version) -> list[dict[str, Any]]:
    """Each pattern once, with the expressions by which its waits tell the events apart."""
    found: dict[str, set[str]] = {}
    for step in draft.steps:
        if step.step_type is StepType.WAIT_FOR_EVENT and (pattern := awaited_pattern(step)):
            correlates = found.setdefault(pattern, set())
            if "correlate" in step.config:
                correlates.add(step.config["correlate"]["event"])
    return [{"pattern": pattern, "correlates": sorted(correlates)} for pattern, correlates in found.items()]


def _told_version(version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "definition_id": version.definition_id,
        "version": version.version,
        "author": version.author,
        "step_count": len(version.steps),
    }


# --- an answer that is repeated ------------------------------------------------------------------------------------


def _definition_again(known: Any) -> Definition:
    return definition_of(tuple(_moments(known).values()))


def _published_again(known: Any) -> Published:
    version = version_of(tuple(_moments(known["version"]).values()))
    return Published(version, _definition_again(known["definition"]))


def _moments(known: dict[str, Any]) -> dict[str, Any]:
    parse: Callable[[str], datetime] = datetime.fromisoformat
    return {key: parse(value) if key in ("created_at", "updated_at") else value for key, value in known.items()}
