"""A database per test, copied from one that was migrated once, and the stores on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.dev.postgres import EmbeddedPostgres
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.migrate import Migrator
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.work import WorkQueue
from service.wiring.ids import IDS

TEMPLATE = "workflows_template"
_numbers = count(1)


Owner = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True)
class Databases:
    """Those of the common server, made by its superuser. A copy is one of files, at half the cost of the other way."""

    dsn: str
    superuser: Owner

    async def administer(self, statement: LiteralString, *names: str) -> None:
        """One statement outside any transaction, with identifiers filled in."""
        await self.superuser.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    async def create(self, name: str) -> str:
        """An empty one; gives its DSN."""
        await self.administer("create database {}", name)
        return self._at(name)

    async def copy(self, template: str, name: str) -> str:
        await self.administer("create database {} template {} strategy file_copy", name, template)
        return self._at(name)

    @asynccontextmanager
    async def copied(self, template: str, name: str) -> AsyncIterator[str]:
        """A copy that is dropped in the end."""
        dsn = await self.copy(template, name)
        try:
            yield dsn
        finally:
            await self.drop(name)

    async def drop(self, name: str) -> None:
        await self.administer("drop database {} with (force)", name)

    def _at(self, name: str) -> str:
        return make_conninfo(self.dsn, dbname=name)


@pytest.fixture(scope="session")
async def databases(postgres: EmbeddedPostgres) -> AsyncIterator[Databases]:
    async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as superuser:
        yield Databases(postgres.dsn, superuser)


@pytest.fixture(scope="session")
async def template(databases: Databases) -> str:
    await Migrator(await databases.create(TEMPLATE)).up()
    return TEMPLATE


@pytest.fixture
async def database(databases: Databases, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated database that only this test uses, as its owner."""
    async with databases.copied(template, f"test_{next(_numbers)}") as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def pristine(databases: Databases, template: str) -> str:
    """The DSN of a migrated database that no test leaves anything in."""
    return await databases.copy(template, "pristine")


@pytest.fixture
async def looker(pristine: str) -> AsyncIterator[Owner]:
    """A connection of the owner whose transaction is rolled back."""
    async with await psycopg.AsyncConnection.connect(pristine) as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
async def blank_database(databases: Databases) -> AsyncIterator[str]:
    """The DSN of a database that was never migrated."""
    name = f"blank_{next(_numbers)}"
    yield await databases.create(name)
    await databases.drop(name)


@pytest.fixture
async def engine_pool(database: str) -> AsyncIterator[Pool]:
    pool = Pool(database, ENGINE, 4)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def reader_pool(database: str) -> AsyncIterator[Pool]:
    pool = Pool(database, READER, 2)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def owner(database: str) -> AsyncIterator[Owner]:
    """A plain connection of the owner, to look at rows with."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def runs(engine_pool: Pool) -> Runs:
    return Runs(engine_pool)


@pytest.fixture
def work(engine_pool: Pool) -> WorkQueue:
    return WorkQueue(engine_pool)


@pytest.fixture
def inbox(engine_pool: Pool) -> Inbox:
    return Inbox(engine_pool)


@pytest.fixture
def outbox(engine_pool: Pool) -> ChangeOutbox:
    return ChangeOutbox(engine_pool)


@pytest.fixture
def reads(reader_pool: Pool) -> Reads:
    return Reads(reader_pool)


@pytest.fixture
def definitions(engine_pool: Pool, reads: Reads) -> Definitions:
    return Definitions(engine_pool, reads, IDS)
