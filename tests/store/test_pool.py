"""What a broken connection means: reads are repeated, writes never; but those are that a deadlock has taken back."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from service.engine.ports.failures import StoreUnavailable
from service.store.bounded import BoundedConnection
from service.store.pool import ENGINE, READER, Pool
from tests.tunnel import tunnel

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
KILL = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid <> pg_backend_pid() and datname = current_database()"
)


async def test_a_read_survives_a_cut_connection(engine_pool: Pool, owner: Owner) -> None:
    await engine_pool.read(b"select 1")
    await owner.execute(KILL)
    assert await engine_pool.read(b"select 2") == [(2,)]


async def test_a_read_as_survives_a_cut_connection(reader_pool: Pool, owner: Owner) -> None:
    await reader_pool.read_as("ws_1", b"select 1")
    await owner.execute(KILL)
    seen = await reader_pool.read_as("ws_1", b"select current_setting('workflows.workspace')")
    assert seen == [("ws_1",)]


async def test_a_write_is_not_sent_again(engine_pool: Pool, owner: Owner) -> None:
    await engine_pool.read(b"select 1")
    await owner.execute(KILL)
    with pytest.raises(StoreUnavailable) as silent:
        await engine_pool.write(
            b"insert into dead_letters (bus_subject, raw, headers, reason) values ('', '', '{}', '')"
        )
    assert "127.0.0.1" not in str(silent.value)


FIRST_THEN_SECOND = b"""
with first as materialized (update dead_letters set outcome_reason = 'ours' where id = $1 returning id),
gate as materialized (select pg_advisory_xact_lock(7) from first)
update dead_letters set outcome_reason = 'ours' where id = $2 and (select count(*) from gate) = 1
"""


async def test_a_write_that_a_deadlock_took_back_is_sent_again(database: str, engine_pool: Pool, owner: Owner) -> None:
    """The other one, which has the second row and then wants the first, looks for deadlocks too late to be the one."""
    for place in (1, 2):
        await owner.execute(
            "insert into dead_letters (id, bus_subject, raw, headers, reason) overriding system value"
            f" values ({place}, '', '', '{{}}', '')".encode()
        )
    await owner.execute("select pg_advisory_lock(7)")
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
        await other.execute("set deadlock_timeout = '100s'")
        async with other.transaction():
            await other.execute("update dead_letters set outcome_reason = 'theirs' where id = 2")
            writing = asyncio.create_task(engine_pool.write(FIRST_THEN_SECOND, (1, 2)))
            await waiting(owner, 1)
            wanting = asyncio.create_task(
                other.execute("update dead_letters set outcome_reason = 'theirs' where id = 1")
            )
            await waiting(owner, 2)
            await owner.execute("select pg_advisory_unlock(7)")
            await wanting
        await writing
    seen = await owner.execute("select outcome_reason from dead_letters")
    assert await seen.fetchall() == [("ours",), ("ours",)]


LOCKED_OUT = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


async def waiting(owner: Owner, many: int) -> None:
    """Until so many wait for a lock."""
    async with asyncio.timeout(60):
        while len(await (await owner.execute(LOCKED_OUT)).fetchall()) != many:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


async def test_a_violation_is_not_silence(engine_pool: Pool) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        await engine_pool.write(b"insert into replicas (holder) values ('x')")


@pytest.mark.parametrize("role", [ENGINE, READER])
async def test_every_timeout_is_set(database: str, role: str) -> None:
    pool = Pool(database, role, 1)
    await pool.open()
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone", "role")
    rows = [(await pool.read(f"show {name}".encode()))[0][0] for name in names]
    await pool.close()
    assert rows == ["15s", "5s", "15s", "UTC", role]


async def test_who_gave_up_does_not_count_as_waiting(database: str) -> None:
    pool = Pool(database, ENGINE, 1, wait_seconds=60)
    await pool.open()
    async with pool.transaction():
        waiting = [asyncio.create_task(pool.read(b"select 1")) for _ in range(2)]
        async with asyncio.timeout(60):
            while pool.use.waits < 2:  # noqa: ASYNC110 (the pool tells nobody)
                await asyncio.sleep(0)
        assert pool.use.waiting == 2
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert (pool.use.waiting, pool.use.in_use) == (1, 1)
    assert await waiting[1] == [(1,)]
    assert (pool.use.waiting, pool.use.in_use) == (0, 0)
    await pool.close()


async def test_an_unreachable_database_is_told_in_time() -> None:
    pool = Pool("host=127.0.0.1 port=1 dbname=none", ENGINE, 1)
    with pytest.raises(StoreUnavailable):
        await pool.open(timeout_seconds=0.2)
    await pool.close()


@pytest.mark.parametrize("way", ["read", "read_as", "write", "transaction"])
async def test_a_database_that_vanished_without_a_word_is_not_waited_for_for_ever(
    database: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Another one in its place, which answers, is talked to as soon as the first silence was noticed."""
    place = conninfo_to_dict(database)
    async with tunnel(int(str(place["port"]))) as way_there:
        pool = Pool(make_conninfo(database, port=way_there.port), READER, 2, wait_seconds=60)
        await pool.open()
        await pool.read(b"select 1")
        way_there.silence()
        with monkeypatch.context() as patched:
            patched.setattr(BoundedConnection, "answer_seconds", 0.1)
            with pytest.raises(StoreUnavailable):
                await asked(pool, way)
        assert await pool.read(b"select 2") == [(2,)]
        assert pool.use.size == 2
        await pool.close()


async def asked(pool: Pool, way: str) -> None:
    async with asyncio.timeout(60):
        if way == "transaction":
            async with pool.transaction() as connection:
                await connection.execute("select 1")
        elif way == "read_as":
            await pool.read_as("ws_1", b"select 1")
        else:
            await getattr(pool, way)(b"select 1")
