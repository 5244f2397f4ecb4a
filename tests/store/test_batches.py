"""What waits at the same moment goes together, and nobody suffers for a neighbour."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from service.domain.decision import Decision, Guard
from service.engine.ports.failures import StaleRun
from service.engine.ports.runs import Applied, Started
from service.store import runs as runs_module
from service.store.batches import Batches
from service.store.pool import ENGINE
from service.store.runs import Runs
from tests.counting import CountingPool
from tests.store.decisions import LEASE, effect, key_of, moved, owed, run, started, store, untold


class Sent:
    """Answers with the double once it may, and keeps what was sent together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may = asyncio.Event()

    async def send(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        await self.may.wait()
        if 13 in items:
            raise OSError("the bus is gone")
        return [ValueError(item) if item < 0 else 2 * item for item in items]


@pytest.fixture
def sent() -> Sent:
    return Sent()


async def putting(batches: Batches[int, int], *items: int) -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(batches.put(item)) for item in items]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_the_first_leaves_alone_and_the_rest_gathers(sent: Sent) -> None:
    batches = Batches(sent.send, lanes=1, most=3)
    first = await putting(batches, 1)
    rest = await putting(batches, 2, 3, 4, 5)
    sent.may.set()
    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8, 10]
    assert sent.batches == [[1], [2, 3, 4], [5]]
    sent.batches.clear()
    assert await batches.put(6) == 12
    assert sent.batches == [[6]]


async def test_lanes_send_at_once(sent: Sent) -> None:
    batches = Batches(sent.send, lanes=2, most=1)
    tasks = await putting(batches, 1, 2, 3)
    assert sent.batches == [[1], [2]]
    sent.may.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6]


async def test_an_error_reaches_the_one_who_waits_for_it(sent: Sent) -> None:
    batches = Batches(sent.send, lanes=1, most=3)
    sent.may.set()
    found = await asyncio.gather(*await putting(batches, 1, -1, 2), return_exceptions=True)
    assert [type(answer) for answer in found] == [int, ValueError, int]


async def test_when_sending_fails_all_of_the_batch_hear_of_it_and_the_lane_goes_on(sent: Sent) -> None:
    batches = Batches(sent.send, lanes=1, most=2)
    sent.may.set()
    found = await asyncio.gather(*await putting(batches, 1, 13, 2), return_exceptions=True)
    assert [type(answer) for answer in found] == [OSError, OSError, int]


async def test_who_went_away_is_no_harm(sent: Sent) -> None:
    batches = Batches(sent.send, lanes=1, most=2)
    gone, stays = await putting(batches, 1, 2)
    gone.cancel()
    sent.may.set()
    assert await stays == 4


# --- runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def counting(database: str) -> AsyncIterator[CountingPool]:
    pool = CountingPool(database, ENGINE, 4)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def together(counting: CountingPool, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """One lane, so that what is asked at once is one statement."""
    monkeypatch.setattr(runs_module, "LANES", 1)
    return Runs(counting)


async def apply_all(together: Runs, *decisions: Decision) -> "list[Applied | BaseException]":
    requests = {one.id: b"bytes" for decision in decisions for one in decision.owed}
    applies = (together.apply(decision, requests, LEASE) for decision in decisions)
    return await asyncio.gather(*applies, return_exceptions=True)


async def test_applies_of_many_runs_are_one_commit_each_behind_its_fence(
    together: Runs, counting: CountingPool
) -> None:
    fresh, stale, answered, lost = [await store(together, run(), owed=(effect(),)) for _ in range(4)]
    counting.count()
    found = await apply_all(
        together,
        moved(fresh, owed=(effect("a/1/other"),)),
        moved(replace(stale, version=7)),
        untold(answered, settled=(owed(),)),
        untold(lost, settled=(owed(token=9),)),
    )
    assert counting.count() == (1, 1)
    assert [type(answer) for answer in found] == [Applied, StaleRun, Applied, StaleRun]
    loaded = [await together.load(one.id) for one in (fresh, stale, answered, lost)]
    assert [snapshot and snapshot.run.version for snapshot in loaded] == [2, 1, 2, 1]


async def test_of_two_applies_of_one_run_in_a_batch_one_wins(together: Runs) -> None:
    before = await store(together)
    found = await apply_all(together, moved(before, "a"), moved(before, "b"))
    assert {type(answer) for answer in found} == {Applied, StaleRun}


async def test_one_that_breaks_the_statement_fails_alone(together: Runs) -> None:
    taken, free = await store(together), await store(together)
    guard = (Guard("rpc:key", b"body"),)
    (applied,) = await apply_all(together, untold(taken, guards=guard))
    assert isinstance(applied, Applied)
    again = untold(replace(taken, version=applied.version), guards=guard)
    found = await apply_all(together, again, moved(free))
    assert [type(answer) for answer in found] == [StaleRun, Applied]


async def test_starts_of_one_key_in_a_batch_are_one_run(together: Runs) -> None:
    one, other = run(), run()
    starts = (together.start(key_of(each, "same"), started(each), {}, LEASE) for each in (one, other, run()))
    found = await asyncio.gather(*starts)
    assert all(isinstance(each, Started) for each in found)
    assert [each.fresh for each in found].count(True) == 1
    assert len({each.run_id for each in found}) == 1
