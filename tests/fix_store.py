"""A database per test, copied from one that was migrated once, and the stores on it."""

from collections.abc import AsyncIterator
from itertools import count

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


async def administer(dsn: str, statement: str, *names: str) -> None:
    """One statement outside any transaction, with identifiers filled in."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    await administer(postgres.dsn, "create database {}", TEMPLATE)
    await Migrator(make_conninfo(postgres.dsn, dbname=TEMPLATE)).up()
    return TEMPLATE


@pytest.fixture
async def database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated database that only this test uses, as its owner."""
    name = f"test_{next(_numbers)}"
    await administer(postgres.dsn, "create database {} template {}", name, template)
    yield make_conninfo(postgres.dsn, dbname=name)
    await administer(postgres.dsn, "drop database {} with (force)", name)


@pytest.fixture(scope="session")
async def pristine(postgres: EmbeddedPostgres, template: str) -> str:
    """The DSN of a migrated database that no test leaves anything in."""
    await administer(postgres.dsn, "create database {} template {}", "pristine", template)
    return make_conninfo(postgres.dsn, dbname="pristine")


@pytest.fixture
async def looker(pristine: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    """A connection of the owner whose transaction is rolled back."""
    async with await psycopg.AsyncConnection.connect(pristine) as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
async def blank_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of a database that was never migrated."""
    name = f"blank_{next(_numbers)}"
    await administer(postgres.dsn, "create database {}", name)
    yield make_conninfo(postgres.dsn, dbname=name)
    await administer(postgres.dsn, "drop database {} with (force)", name)


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
async def owner(database: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
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
