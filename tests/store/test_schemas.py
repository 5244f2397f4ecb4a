"""Schemas as rows: revisions that are only added, the last in force, each read as it was set."""

import asyncio
from typing import Any

import psycopg
import pytest

from service.domain.definition import Schemas as Pair
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem
from service.store.definitions import Definitions
from service.store.pool import Pool
from service.store.runs import Runs
from service.store.schemas import VersionSchemas
from tests.store.test_definitions import create, draft

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
FIRST = Pair(0, {"type": "object", "required": ["ü"], "maxProperties": 5.0}, {})
SECOND = Pair(0, {}, {"minProperties": 1.0})


@pytest.fixture
def schemas(engine_pool: Pool, reader_pool: Pool) -> VersionSchemas:
    return VersionSchemas(engine_pool, reader_pool)


@pytest.fixture
async def definition_id(definitions: Definitions) -> str:
    """With two versions."""
    made = await create(definitions)
    for _ in range(2):
        await definitions.publish(draft(made), None, "user:ann", None)
    return made


async def put(schemas: VersionSchemas, definition_id: str, wanted: Pair, number: int = 0, **more: Any) -> Any:
    return await schemas.put(definition_id, number, wanted, more.get("visible"), "user:ann", more.get("idem"))


async def refusal(schemas: VersionSchemas, definition_id: str, number: int = 0, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await put(schemas, definition_id, FIRST, number, **more)
    return caught.value


async def test_what_was_set_is_in_force(schemas: VersionSchemas, definition_id: str) -> None:
    stands = (await put(schemas, definition_id, FIRST, 1)).value
    assert (stands.version, stands.schemas, stands.actor) == (1, Pair(1, FIRST.input, {}), "user:ann")
    assert stands.set_at
    assert await schemas.get(definition_id, 1, 0, "ws_1") == stands


async def test_nothing_was_set_yet(schemas: VersionSchemas, definition_id: str) -> None:
    found = await schemas.get(definition_id, 2, 0, None)
    assert found
    assert (found.schemas, found.actor, found.set_at) == (Pair(), "", None)


async def test_the_latest_version_is_meant_unless_another_is_named(schemas: VersionSchemas, definition_id: str) -> None:
    await put(schemas, definition_id, FIRST)
    latest, first = await schemas.get(definition_id, 0, 0, None), await schemas.get(definition_id, 1, 0, None)
    assert latest
    assert first
    assert (latest.version, latest.schemas.revision) == (2, 1)
    assert (first.version, first.schemas.revision) == (1, 0)


async def test_revisions_stay(
    schemas: VersionSchemas, definition_id: str, runs: Runs, definitions: Definitions
) -> None:
    for wanted in (FIRST, SECOND, Pair()):
        await put(schemas, definition_id, wanted, 1)
    kept = [await schemas.get(definition_id, 1, revision, None) for revision in (1, 2, 3, 0)]
    assert [found and found.schemas for found in kept] == [
        Pair(1, FIRST.input, {}),
        Pair(2, {}, SECOND.output),
        Pair(3),
        Pair(3),
    ]
    definition = await definitions.get(definition_id, None)
    assert definition
    assert [definition.schema_revision(number) for number in (1, 2)] == [3, 0]
    for revision, wanted in ((0, Pair()), (1, FIRST), (2, SECOND)):
        version = await runs.version(definition_id, 1, revision)
        assert version
        assert version.schemas == Pair(revision, wanted.input, wanted.output)
    shown = await definitions.version(definition_id, 1, None)
    assert shown
    assert shown.schemas == Pair(3)


async def test_setting_what_is_in_force_changes_nothing(
    schemas: VersionSchemas, definition_id: str, owner: Owner
) -> None:
    first = (await put(schemas, definition_id, FIRST)).value
    assert (await put(schemas, definition_id, FIRST)).value == first
    assert (await put(schemas, definition_id, Pair(0, {**FIRST.input, "maxProperties": True}, {}))).value != first
    [(count,)] = await (await owner.execute("select count(*) from version_schemas")).fetchall()
    assert count == 2


async def test_a_repeated_call_is_answered_as_the_first_time(schemas: VersionSchemas, definition_id: str) -> None:
    key = Idem("user:ann", "k1", b"body")
    first = await put(schemas, definition_id, FIRST, idem=key)
    await put(schemas, definition_id, SECOND)
    again = await put(schemas, definition_id, FIRST, idem=key)
    assert again.replay
    assert again.value == first.value
    nothing = await put(schemas, definition_id, Pair(), 1, idem=Idem("user:ann", "k2", b"body"))
    await put(schemas, definition_id, FIRST, 1)
    assert (await put(schemas, definition_id, Pair(), 1, idem=Idem("user:ann", "k2", b"body"))).value == nothing.value
    other = await refusal(schemas, definition_id, idem=Idem("user:ann", "k1", b"other"))
    assert (other.kind, other.reason) == (Kind.EXISTS, "idempotency_conflict")


async def test_two_at_once_are_two_revisions(schemas: VersionSchemas, definition_id: str) -> None:
    pairs = [Pair(0, {"minProperties": float(number)}, {}) for number in range(1, 9)]
    set_ = await asyncio.gather(*(put(schemas, definition_id, wanted) for wanted in pairs))
    assert sorted(found.value.schemas.revision for found in set_) == list(range(1, 9))


async def test_what_is_not_there(schemas: VersionSchemas, definition_id: str, definitions: Definitions) -> None:
    assert (await refusal(schemas, "wf_none")).reason == "definition_not_found"
    assert (await refusal(schemas, definition_id, visible="ws_2")).reason == "definition_not_found"
    assert (await refusal(schemas, definition_id, 9)).reason == "version_not_found"
    assert (await refusal(schemas, await create(definitions, "empty"))).reason == "not_published"
    assert await schemas.get(definition_id, 9, 0, None) is None
    assert await schemas.get(definition_id, 1, 0, "ws_2") is None


async def test_a_published_version_is_told_again_as_it_was(schemas: VersionSchemas, definitions: Definitions) -> None:
    made, key = await create(definitions), Idem("user:ann", "k1", b"body")
    first = await definitions.publish(draft(made), None, "user:ann", key)
    await put(schemas, made, FIRST)
    assert (await definitions.publish(draft(made), None, "user:ann", key)).value == first.value
