"""The schemas beside versions: set as revisions that are only ever added, the last of each version in force.

A change locks the definition like publishing does and writes the revision's number into its row, which every start
reads anyway. Setting what is in force already changes nothing. Satisfies the edge's `VersionSchemas`.
"""

from service.domain.definition import SchemaRevision
from service.domain.definition import Schemas as Pair
from service.domain.difference import same_json
from service.domain.errors import not_found, not_published
from service.domain.idempotency import Idem, Replayable
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import text
from service.store.definitions import lock
from service.store.pool import Connection, Pool, Row
from service.store.queries import query
from service.store.repeatable import RepeatableCall, one


class VersionSchemas:
    """Constructed with pools of the engine's and of the reader's role. Raises Refusal and StoreUnavailable."""

    def __init__(self, writing: Pool, reading: Pool) -> None:
        self._writing = writing
        self._reading = reading

    async def get(self, definition_id: str, number: int, revision: int, visible: str | None) -> SchemaRevision | None:
        """Of version 0 for the latest, of revision 0 for the one in force; None when there is no such version."""
        asked = (definition_id, number, revision)
        rows = await self._reading.read_as(visible or EVERY_WORKSPACE, query("schemas_read"), asked)
        return _revision_of(rows[0]) if rows else None

    async def put(
        self, definition_id: str, number: int, wanted: Pair, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[SchemaRevision]:
        """Sets both schemas of a version, 0 for the latest; gives what is in force."""
        async with self._writing.transaction() as connection:
            _, workspace_id = await lock(connection, definition_id, visible)
            call = RepeatableCall("SetSchemas", workspace_id, idem)
            known = await call.answered(connection)
            if known is not None:
                return Replayable(await _again(connection, definition_id, **known), replay=True)
            stands = await _read(connection, definition_id, number)
            if not _same(stands.schemas, wanted):
                stands = await _add(connection, definition_id, workspace_id, stands, wanted, actor)
            await call.answer(connection, {"version": stands.version, "revision": stands.schemas.revision})
            return Replayable(stands)


async def _read(connection: Connection, definition_id: str, number: int, revision: int = 0) -> SchemaRevision:
    row = await one(connection, "schemas_read", (definition_id, number, revision))
    if row is None and not number:
        raise not_published()
    if row is None:
        raise not_found("version", f"{definition_id}/{number}")
    return _revision_of(row)


async def _again(connection: Connection, definition_id: str, version: int, revision: int) -> SchemaRevision:
    """What was in force when it was answered."""
    return await _read(connection, definition_id, version, revision) if revision else SchemaRevision(version, Pair())


async def _add(
    connection: Connection, definition_id: str, workspace_id: str, stands: SchemaRevision, wanted: Pair, actor: str
) -> SchemaRevision:
    number, revision = stands.version, stands.schemas.revision + 1
    said = (text(wanted.input), text(wanted.output), actor)
    row = await one(connection, "schemas_create", (definition_id, number, revision, workspace_id, *said))
    if row is None:
        raise LookupError("schemas_create gave no row")
    await connection.execute(query("definition_checked"), (definition_id, number, revision))
    return _revision_of(row)


def _same(one_: Pair, other: Pair) -> bool:
    return same_json(one_.input, other.input) and same_json(one_.output, other.output)


def _revision_of(row: Row) -> SchemaRevision:
    version, revision, input_schema, output_schema, actor, set_at = row
    return SchemaRevision(version, Pair(revision, input_schema, output_schema), actor, set_at)
