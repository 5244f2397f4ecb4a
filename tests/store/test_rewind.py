"""What is remembered of the stream, and changes that come again because it lost them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service.domain.state import Run
from service.domain.stream import BEGINNING, StreamMark
from service.store import rewind
from service.store.decision import SHARDS, shard_of
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, Pool
from service.store.queries import query
from service.store.rewind import StreamMemory
from service.store.runs import Runs
from tests.store.decisions import LEASE, moved, store
from tests.store.test_queries import explain, scanned, used

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
ALL = list(range(SHARDS))
MADE = datetime(2026, 3, 2, 9, tzinfo=UTC)
FIRST = StreamMark("changes", MADE, 10)
AGAIN = StreamMark("changes", MADE + timedelta(hours=1), 2)


@pytest.fixture
def memory(engine_pool: Pool) -> StreamMemory:
    return StreamMemory(engine_pool)


@pytest.fixture
async def told(runs: Runs, outbox: ChangeOutbox) -> list[Run]:
    """Runs of several shards, two changes each, all published."""
    begun = [await store(runs) for _ in range(4)]
    for one in begun:
        await runs.apply(moved(one), {}, LEASE)
    await outbox.mark_published([(one.id, number) for one in begun for number in (1, 2)])
    return begun


async def left(outbox: ChangeOutbox) -> list[tuple[str, int]]:
    return sorted((change.stream, change.sequence) for change in await outbox.unpublished(ALL, 1_000))


def all_of(told: list[Run]) -> list[tuple[str, int]]:
    return sorted((one.id, number) for one in told for number in (1, 2))


async def test_the_farthest_point_is_remembered(memory: StreamMemory) -> None:
    assert await memory.known("changes") is None
    for last, known in ((10, 10), (12, 12), (11, 12)):
        await memory.remember(StreamMark("changes", MADE, last))
        assert await memory.known("changes") == StreamMark("changes", MADE, known)
    await memory.remember(AGAIN)
    assert await memory.known("changes") == StreamMark("changes", MADE, 12)


async def test_what_was_lost_comes_again_when_all_of_it_is_unmarked(
    memory: StreamMemory, outbox: ChangeOutbox, told: list[Run], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewind, "BATCH", 1)
    await memory.remember(FIRST)
    await memory.lose(FIRST, AGAIN, BEGINNING, ALL)
    assert await memory.known("changes") == AGAIN
    await store(runs)
    assert await left(outbox) == []
    assert await memory.unmark(ALL) == len(all_of(told))
    assert [change for change in await left(outbox) if change in all_of(told)] == all_of(told)
    assert await memory.unmark(ALL) == 0


async def test_only_what_was_published_in_that_time_was_lost(
    memory: StreamMemory, outbox: ChangeOutbox, told: list[Run], owner: Owner
) -> None:
    early, late, *_ = (one.id for one in told)
    await owner.execute("update changes set published_at = '2026-01-01' where stream_id = %s", (early,))
    await memory.remember(FIRST)
    await memory.lose(FIRST, AGAIN, MADE - timedelta(days=30), ALL)
    await owner.execute("update changes set published_at = now() where stream_id = %s", (late,))
    await memory.unmark(ALL)
    assert await left(outbox) == [change for change in all_of(told) if change[0] not in (early, late)]


async def test_each_holder_unmarks_its_own_shards(memory: StreamMemory, outbox: ChangeOutbox, told: list[Run]) -> None:
    mine = shard_of(told[0].id)
    await memory.remember(FIRST)
    await memory.lose(FIRST, AGAIN, BEGINNING, [])
    await memory.unmark([mine])
    ours = [change for change in all_of(told) if shard_of(change[0]) == mine]
    assert await left(outbox) == ours
    await memory.unmark(ALL)
    assert await left(outbox) == all_of(told)


async def test_who_comes_second_marks_only_what_it_holds(
    memory: StreamMemory, outbox: ChangeOutbox, told: list[Run]
) -> None:
    await memory.remember(FIRST)
    await memory.lose(FIRST, AGAIN, BEGINNING, ALL)
    await memory.unmark(ALL)
    await outbox.mark_published(await left(outbox))
    mine = shard_of(told[0].id)
    await memory.lose(FIRST, AGAIN, BEGINNING, [mine])
    await memory.unmark(ALL)
    assert await left(outbox) == [change for change in all_of(told) if shard_of(change[0]) == mine]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("changes_unmark", "3, '2026-01-01', '2026-01-02', 10"),
        ("changes_republish", "3, '2026-01-01', '*', '', ''"),
    ],
)
async def test_what_was_published_is_found_by_its_time(looker: Owner, name: str, params: str) -> None:
    plan = await explain(looker, ENGINE, "force_generic_plan", query(name), params)
    assert "changes_published" in used(plan)
    assert scanned(plan) == set()
