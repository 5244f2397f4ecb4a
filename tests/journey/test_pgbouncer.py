"""The service behind a PgBouncer in transaction mode, with the logins that docs/pgbouncer.md makes."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from workflows.v1 import workflows_pb2 as pb

from service.config import Config
from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.siblings.script import Script
from service.store.pool import ENGINE, READER, Pool
from service.wiring import StartError, running
from tests.journey.acting import report
from tests.journey.graphs import agent, chain, task
from tests.journey.pgbouncer import PgBouncer
from tests.world import World, step_state, world

pytestmark = pytest.mark.skipif("PGBOUNCER" not in os.environ, reason="PGBOUNCER names no PgBouncer")

PAGE = Path(__file__).parent.parent.parent / "docs/pgbouncer.md"
PASSWORD = token_hex(8)
SERVICE, QUERIES, BARE = "workflows_service", "workflows_queries", "workflows_bare"
PASSWORDS = MappingProxyType({SERVICE: PASSWORD, QUERIES: PASSWORD, BARE: PASSWORD})


@pytest.fixture
async def logins(database: str) -> AsyncIterator[None]:
    """Those of the page, and one that brings nothing with it."""
    made = re.search(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert made is not None
    bare = f"create role {BARE} login password 'change-me' in role {ENGINE}, {READER};"
    drop = f"drop role if exists {SERVICE}, {QUERIES}, {BARE};"
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as owner:
        await owner.execute(f"{drop}{made[1]}{bare}".replace("change-me", PASSWORD).encode())
        yield
        await owner.execute(drop.encode())


@pytest.fixture
def pooler(postgres: EmbeddedPostgres, logins: None) -> Iterator[PgBouncer]:
    with PgBouncer(postgres.port, PASSWORDS) as server:
        yield server


@pytest.fixture
def name(database: str) -> str:
    return str(conninfo_to_dict(database)["dbname"])


@pytest.fixture(name="world")
async def world_behind_it(pooler: PgBouncer, name: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[World]:
    settings = {"DATABASE_READER_URL": pooler.url(QUERIES, name), "DATABASE_POOLER": "yes"}
    async with world(pooler.url(SERVICE, name), own_nats.url, script, settings) as found:
        yield found


async def test_many_runs_go_their_way_through_two_sessions(world: World) -> None:
    published = await world.publish(chain(agent("research"), task("check")))
    runs = await asyncio.gather(*(world.start(published.version.definition_id) for _ in range(20)))
    await asyncio.gather(*(world.until(run.id, lambda run: step_state(run, "check") == "WAITING") for run in runs))
    await asyncio.gather(*(report(world, run.id, "check", "COMPLETED") for run in runs))
    ended = [await world.until_ended(run.id) for run in runs]
    assert {run.state for run in ended} == {pb.WORKFLOW_STATE_COMPLETED}


async def test_a_query_sees_its_own_workspace_alone(pooler: PgBouncer, name: str) -> None:
    pool = Pool(pooler.url(QUERIES, name), READER, 8, shared_sessions=True)
    await pool.open()
    seen = b"select current_setting('workflows.workspace', true)"
    workspaces = [f"ws_{number}" for number in range(50)]
    answers = await asyncio.gather(*(pool.read_as(workspace, seen) for workspace in workspaces))
    left = await asyncio.gather(*(pool.read(seen) for _ in workspaces))
    await pool.close()
    assert [rows[0][0] for rows in answers] == workspaces
    assert {rows[0][0] for rows in left} <= {"", None}


async def test_a_login_without_role_and_timeouts_is_refused(
    pooler: PgBouncer, name: str, own_nats: EmbeddedNats
) -> None:
    settings = {"DATABASE_URL": pooler.url(BARE, name), "NATS_URL": own_nats.url, "DATABASE_POOLER": "yes"}
    with pytest.raises(StartError, match="DATABASE_URL"):
        async with running(Config.read(settings)):
            pytest.fail("it started")
