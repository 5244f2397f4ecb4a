"""Changes leave in order within their run, and replicas share the shards."""

from collections import Counter
from typing import Any

import psycopg

from service.store.decision import SHARDS, shard_of
from service.store.definitions import Definitions
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, Pool
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW, START_TRACE, STEP_TRACE, moved, store

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
ALL = list(range(SHARDS))


async def test_changes_come_with_what_the_bus_needs(runs: Runs, outbox: ChangeOutbox) -> None:
    begun = await store(runs)
    await runs.apply(moved(begun), {}, LEASE)
    first, second = await outbox.unpublished(ALL, 100)
    assert (first.stream, first.sequence, first.aggregate, first.operation) == (begun.id, 1, "run", "started")
    assert (second.stream, second.sequence, second.aggregate, second.operation) == (begun.id, 2, "step", "completed")
    assert (second.actor, second.cause, second.recorded_at, second.workspace_id) == ("user:ann", "rpc:2", NOW, "ws_1")
    assert (first.trace, second.trace) == (START_TRACE, STEP_TRACE)
    assert second.data["step"]["cost_usd"] == "0.034"
    assert (second.data["workflow_state"], second.data["workflow_total_cost_usd"]) == ("RUNNING", "0.034")
    assert first.data["run"]["input_payload"] == begun.input_payload
    assert [step["step_id"] for step in first.data["steps"]] == ["a", "b", "c"]
    assert second.header["definition_id"] == "wf_1"


async def test_changes_of_definitions_have_no_header(definitions: Definitions, outbox: ChangeOutbox) -> None:
    made = (await definitions.create("ws_1", "One", "text", ["a"], "user:ann", None, STEP_TRACE)).value
    [change] = await outbox.unpublished([shard_of(made.id)], 10)
    assert (change.aggregate, change.operation, change.header) == ("definition", "create", {})
    assert (change.data["name"], change.data["tags"], change.actor) == ("One", ["a"], "user:ann")
    assert change.trace == STEP_TRACE


async def test_what_was_published_does_not_come_again(runs: Runs, outbox: ChangeOutbox) -> None:
    begun = await store(runs)
    await runs.apply(moved(begun), {}, LEASE)
    await outbox.mark_published([(begun.id, 1)])
    assert [change.sequence for change in await outbox.unpublished(ALL, 100)] == [2]
    await outbox.mark_published([])


async def test_a_batch_is_shared_among_shards_and_in_order(runs: Runs, outbox: ChangeOutbox) -> None:
    begun = [await store(runs) for _ in range(6)]
    for one in begun:
        await runs.apply(moved(one), {}, LEASE)
    shards = sorted({shard_of(one.id) for one in begun})
    changes = await outbox.unpublished(shards, len(shards))
    assert sorted(shard_of(change.stream) for change in changes) == shards
    assert {change.sequence for change in changes} == {1}
    assert await outbox.unpublished([], 10) == []


async def test_the_order_is_no_gift_of_the_planner(database: str) -> None:
    """A join by hashes hands on what falls into one bucket in reverse."""
    pool = Pool(database, ENGINE, 1)
    await pool.open()
    runs = Runs(pool)
    for one in [await store(runs) for _ in range(30)]:
        await runs.apply(moved(one), {}, LEASE)
    for setting in (b"enable_nestloop", b"enable_mergejoin"):
        await pool.write(b"set " + setting + b" = off")
    told = [(change.stream, change.sequence) for change in await ChangeOutbox(pool).unpublished(ALL, 100)]
    await pool.close()
    assert len(told) == 60
    assert told == sorted(told)


async def test_shards_spread_evenly() -> None:
    counts = Counter(shard_of(f"wfr_{number}") for number in range(3200))
    assert set(counts) == set(ALL)
    assert max(counts.values()) < 200


async def test_replicas_share_fairly(outbox: ChangeOutbox) -> None:
    assert await outbox.hold_shards("one", 60.0) == ALL
    assert await outbox.hold_shards("two", 60.0) == []
    first = await outbox.hold_shards("one", 60.0)
    second = await outbox.hold_shards("two", 60.0)
    assert (len(first), len(second)) == (16, 16)
    assert sorted(first + second) == ALL
    assert await outbox.hold_shards("one", 60.0) == first


async def test_the_dead_leave_their_shards(outbox: ChangeOutbox, owner: Owner) -> None:
    await outbox.hold_shards("dead", 60.0)
    await owner.execute("update replicas set alive_until = now(); update relay_shards set lease_until = now()")
    assert await outbox.hold_shards("heir", 60.0) == ALL
    cursor = await owner.execute("select holder from replicas")
    assert await cursor.fetchall() == [("heir",)]
