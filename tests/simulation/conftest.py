"""Both stores, behind the same ports: the simulated one without its faults, and PostgreSQL."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from service.domain.definition import Schemas, Version
from service.engine.ports.catalogue import Catalogue
from service.engine.ports.events import EventStore
from service.engine.ports.outbox import Outbox
from service.engine.ports.runs import RunStore
from service.engine.ports.work import WorkStore
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.schemas import VersionSchemas
from service.store.work import WorkQueue
from service.wiring.ids import IDS
from tests.simulation.inbox import InboxTables
from tests.simulation.store import SimulatedStore
from tests.simulation.tables import Tables

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """`publish` makes a definition of that name with the version as its first, and gives it as stored; `set_schemas`
    makes a revision more of a version's schemas."""

    runs: RunStore
    work: WorkStore
    events: EventStore
    catalogue: Catalogue
    outbox: Outbox
    publish: Callable[[Version, str], Awaitable[Version]]
    set_schemas: Callable[[Version, Schemas], Awaitable[None]]


class Straight:
    """A way without faults or detours."""

    async def ask(self, work: Callable[[], T]) -> T:
        return work()

    async def ask_twice(self, look: Callable[[], S], work: Callable[[S], T]) -> T:
        return work(look())


def simulated_stores() -> Stores:
    tables = Tables(time.monotonic)
    store = SimulatedStore(tables, InboxTables(tables, 0.0), Straight())

    async def publish(version: Version, name: str) -> Version:
        tables.publish(version, name)
        return version

    async def set_schemas(version: Version, wanted: Schemas) -> None:
        tables.set_schemas(version.definition_id, version.version, wanted)

    return Stores(store, store, store, store, store, publish, set_schemas)


@pytest.fixture
async def postgres_stores(database: str) -> AsyncIterator[Stores]:
    pool, reader = Pool(database, ENGINE, 4), Pool(database, READER, 1)
    await pool.open()
    await reader.open()
    definitions = Definitions(pool, Reads(reader), IDS)

    async def publish(version: Version, name: str) -> Version:
        made = await definitions.create(version.workspace_id, name, "", [], "user:ann", None)
        draft = replace(version, definition_id=made.value.id)
        return (await definitions.publish(draft, None, "user:ann", None)).value.version

    async def set_schemas(version: Version, wanted: Schemas) -> None:
        store = VersionSchemas(pool, reader)
        await store.put(version.definition_id, version.version, wanted, None, "user:ann", None)

    inbox, outbox = Inbox(pool, 0.0), ChangeOutbox(pool)
    yield Stores(Runs(pool), WorkQueue(pool), inbox, definitions, outbox, publish, set_schemas)
    await pool.close()
    await reader.close()


@pytest.fixture(params=["simulated", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "simulated":
        return simulated_stores()
    found: Stores = request.getfixturevalue("postgres_stores")
    return found
