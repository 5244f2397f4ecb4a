"""/readyz while the database and the bus go away and come back, and when they are there but not what is needed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.siblings.script import Script, parse_script
from service.store.migrate import Migrator, migrations
from tests.edge.edge import refused
from tests.fix_world import PIPELINE
from tests.journey.acting import begin
from tests.journey.graphs import agent, chain
from tests.observing.scrape import readyz, scrape, until_ready, until_scraped
from tests.world import PATIENCE_SECONDS, World, world


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(durable=False) as server:
        yield server


@pytest.fixture
async def lonely(own_postgres: EmbeddedPostgres, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[World]:
    """A world whose database and bus are nobody else's, and that has no meter."""
    await Migrator(own_postgres.dsn).up()
    async with world(own_postgres.dsn, own_nats.url, script, {"METER_ADDRESS": ""}) as found:
        yield found


async def test_it_tells_how_each_dependency_does(lonely: World) -> None:
    status, told = await readyz(lonely.http)
    assert (status, told["ready"]) == (200, True)
    database, bus = told["database"], told["bus"]
    assert database["ok"]
    assert database["latency_ms"] > 0
    assert database["schema_version"] == database["schema_expected"] == len(migrations())
    assert database["tables_missing"] == []
    assert int(database["server_version"].split(".")[0]) >= 15
    assert (bus["ok"], bus["connected"], bus["jetstream"]) == (True, True, True)
    assert bus["stream"] == {"name": "workflows_changes", "storage": "file", "ours": True, "messages": 0}
    assert told["pools"]["engine"]["most"] == 8
    assert told["siblings"]["meter"] == {"configured": False}
    assert told["siblings"]["agents"] == {"configured": True, "breaker": "CLOSED", "answered_seconds_ago": None}


async def test_without_the_database_every_page_is_still_served(lonely: World, own_postgres: EmbeddedPostgres) -> None:
    before = await until_ready(lonely.http, True)
    own_postgres.stop(immediate=True)
    gone = await until_ready(lonely.http, False)
    assert (gone["database"]["ok"], gone["bus"]["ok"]) == (False, True)
    assert gone["database"]["since"] > before["database"]["since"]
    assert gone["bus"]["since"] == before["bus"]["since"]
    seen = await until_scraped(lonely.http, lambda seen: seen.value("workflows_loop_failing", loop="dispatcher") > 0)
    assert seen.value("workflows_ready") == 0
    assert seen.value("workflows_dependency_up", dependency="database") == 0

    own_postgres.start()
    assert (await until_ready(lonely.http, True))["database"]["since"] > gone["database"]["since"]
    await until_scraped(lonely.http, lambda seen: seen.value("workflows_loop_failing") == 0)


FULL = """
create function full_disk() returns trigger language plpgsql as $$
begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
create trigger full_disk before insert on workflow_definitions for each row execute function full_disk();
create trigger full_disk before insert on dead_letters for each row execute function full_disk();
"""
ROOM = "drop trigger full_disk on workflow_definitions; drop trigger full_disk on dead_letters"
STANDBY = "alter database postgres set default_transaction_read_only = on"
PRIMARY = "alter database postgres reset default_transaction_read_only"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = 'postgres'"


@pytest.mark.parametrize(
    ("begins", "ends", "code"), [(FULL, ROOM, "53100"), (STANDBY, PRIMARY, "25006")], ids=["full disk", "standby"]
)
async def test_a_database_that_refuses_writes_is_not_ready(
    lonely: World, own_postgres: EmbeddedPostgres, begins: str, ends: str, code: str
) -> None:
    """Reads go on, and so does all else when writes are taken again."""
    before = await lonely.definition()
    async with await psycopg.AsyncConnection.connect(own_postgres.dsn, autocommit=True) as owner:
        await owner.execute(begins.encode())
        await owner.execute(CUT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await readyz(lonely.http))[1]["database"].get("trouble") != f"it refuses writes (SQLSTATE {code})":
                seen = await refused(lonely.definition())
                assert (seen.code, seen.reason) == (grpc.StatusCode.UNAVAILABLE, "database_unavailable")
        assert (await lonely.stub.GetDefinition(pb.GetDefinitionRequest(id=before.id))).definition == before
        await owner.execute("set transaction_read_only = off")
        await owner.execute(ends.encode())
    await until_ready(lonely.http, True)
    await lonely.definition()


async def test_without_the_bus_it_is_not_ready(lonely: World, own_nats: EmbeddedNats) -> None:
    own_nats.kill()
    gone = await until_ready(lonely.http, False)
    assert (gone["database"]["ok"], gone["bus"]["ok"], gone["bus"]["connected"]) == (True, False, False)
    own_nats.start()
    await until_ready(lonely.http, True)


async def test_the_outbox_shows_what_cannot_be_published(lonely: World, own_nats: EmbeddedNats) -> None:
    own_nats.kill()
    await lonely.definition()
    await lonely.observing.census.look()
    seen = await until_scraped(lonely.http, lambda seen: seen.value("workflows_outbox_unpublished") == 1)
    assert seen.value("workflows_outbox_oldest_seconds") > 0
    own_nats.start()


async def test_a_table_that_is_missing_is_named(lonely: World, own_postgres: EmbeddedPostgres) -> None:
    async with await psycopg.AsyncConnection.connect(own_postgres.dsn, autocommit=True) as owner:
        await owner.execute("alter table dead_letters rename to elsewhere")
        told = await until_ready(lonely.http, False)
        assert told["database"]["tables_missing"] == ["dead_letters"]
        await owner.execute("alter table elsewhere rename to dead_letters")
    assert (await until_ready(lonely.http, True))["database"]["tables_missing"] == []


async def test_no_page_shows_a_secret(lonely: World, own_postgres: EmbeddedPostgres) -> None:
    secret: Any = conninfo_to_dict(own_postgres.dsn)["password"]
    own_postgres.stop(immediate=True)
    told = await until_ready(lonely.http, False)
    assert secret not in str(told)
    assert secret not in (await scrape(lonely.http)).text


class TestSiblings:
    @pytest.fixture
    def script(self) -> Script:
        failing = {"method": "objectives.*", "kind": "UNAVAILABLE", "times": 1000}
        return parse_script({**PIPELINE, "faults": [failing]})

    async def test_one_that_fails_shows_in_its_breaker_and_its_calls(self, world: World) -> None:
        await begin(world, chain(agent("research")))
        seen = await until_scraped(world.http, lambda seen: seen.value("workflows_breaker_openings_total") > 0)
        assert seen.value("workflows_breaker_openings_total") == 1
        assert seen.value("workflows_breaker_state", sibling="objectives") > 0
        assert seen.value("workflows_sibling_call_seconds_count", sibling="objectives", outcome="transport") >= 5
        assert seen.value("workflows_effects_repeated_total", kind="CreateObjective") >= 4
        status, told = await readyz(world.http)
        assert status == 200
        assert told["siblings"]["objectives"]["breaker"] in ("OPEN", "HALF_OPEN")
        agents = told["siblings"]["agents"]
        assert agents["breaker"] == "CLOSED"
        assert agents["answered_seconds_ago"] >= 0
