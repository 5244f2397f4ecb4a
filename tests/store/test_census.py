"""What the census counts, and what it leaves out; what the facts say of a database."""

from typing import Any

import psycopg

from service.store.census import Census
from service.store.facts import DatabaseFacts, tables
from service.store.migrate import migrations
from service.store.pool import Pool
from service.store.runs import Runs
from tests.store.decisions import effect, store

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


async def test_an_empty_database_counts_nothing(reader_pool: Pool) -> None:
    counts = await Census(reader_pool).take()
    assert counts.runs == {"PENDING": 0, "RUNNING": 0, "PAUSED": 0, "COMPENSATING": 0}
    assert counts.steps == {"PENDING": 0, "RUNNING": 0, "WAITING": 0}
    assert (counts.unpublished, counts.unpublished_seconds, counts.effects_seconds) == (0, 0, 0)


async def test_what_has_not_ended_is_counted_in_every_workspace(reader_pool: Pool, runs: Runs, owner: Owner) -> None:
    for _ in range(3):
        begun = await store(runs, owed=(effect(),))
    await owner.execute("update workflow_runs set state = 'COMPLETED', completed_at = now() where id = %s", (begun.id,))
    await owner.execute("update workflow_runs set workspace_id = 'ws_2' where id <> %s", (begun.id,))
    await owner.execute("update step_runs set state = 'WAITING'")
    counts = await Census(reader_pool).take()
    assert counts.runs["RUNNING"] == 2
    assert counts.steps["WAITING"] == sum(counts.steps.values()) > 0
    assert counts.effects == 3
    assert counts.effects_seconds == 0


async def test_what_is_overdue_says_for_how_long(reader_pool: Pool, runs: Runs, owner: Owner) -> None:
    await store(runs, owed=(effect(),))
    await owner.execute("update run_effects set lease_until = now() - interval '1 h', due_at = now() - interval '2 h'")
    await owner.execute("update workflow_runs set wake_at = now() - interval '1 hour'")
    await owner.execute("update changes set recorded_at = now() - interval '1 hour'")
    counts = await Census(reader_pool).take()
    for seconds in (counts.effects_seconds, counts.timers_seconds, counts.unpublished_seconds):
        assert 3600 <= seconds < 4000


async def test_a_letter_counts_until_it_was_replayed(reader_pool: Pool, owner: Owner) -> None:
    for _ in range(2):
        await owner.execute("insert into dead_letters (bus_subject, raw, headers, reason) values ('', '', '{}', 'odd')")
    await owner.execute("update dead_letters set replayed_at = now() where id = (select min(id) from dead_letters)")
    assert (await Census(reader_pool).take()).dead_letters == 1


async def test_the_tables_of_the_migrations_are_those_of_the_database(looker: Owner) -> None:
    rows = await looker.execute("select tablename from pg_tables where schemaname = 'public' order by tablename")
    assert tables(migrations()) == [name for (name,) in await rows.fetchall()]


async def test_a_database_that_is_as_it_should_be(engine_pool: Pool, reader_pool: Pool) -> None:
    for pool in (engine_pool, reader_pool):
        facts = await DatabaseFacts(pool).look()
        assert facts.fit
        assert (facts.schema_version, facts.tables_missing) == (len(migrations()), ())


async def test_an_older_schema_will_not_do_and_a_newer_one_will(reader_pool: Pool, owner: Owner) -> None:
    last = len(migrations())
    await owner.execute("delete from schema_migrations where version = %s", (last,))
    assert not (await DatabaseFacts(reader_pool).look()).fit
    for version in (last, last + 1):
        await owner.execute("insert into schema_migrations (version, name, sha256) values (%s, '', '')", (version,))
    facts = await DatabaseFacts(reader_pool).look()
    assert (facts.fit, facts.schema_version, facts.schema_expected) == (True, last + 1, last)


async def test_a_database_without_a_ledger(reader_pool: Pool, owner: Owner) -> None:
    await owner.execute("alter table schema_migrations rename to elsewhere")
    facts = await DatabaseFacts(reader_pool).look()
    assert (facts.fit, facts.schema_version, facts.tables_missing) == (False, None, ("schema_migrations",))
