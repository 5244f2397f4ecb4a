"""A purge and whoever moves, holds or publishes the same runs at the same moment: one of them wins wholly."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from service.domain.decision import Decision, Event
from service.domain.errors import Kind, Refusal
from service.domain.retention import Obstacle, PurgedBatch
from service.domain.state import Run, RunState
from service.engine.ports.failures import StaleRun
from service.store import purging
from service.store.pool import Pool
from service.store.purging import Purges
from service.store.retention import RetentionBook
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW
from tests.store.purgeable import ended, purge, rows_of, there

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


@pytest.fixture
def purges(engine_pool: Pool) -> Purges:
    return Purges(engine_pool)


@pytest.fixture
def retention(engine_pool: Pool) -> RetentionBook:
    return RetentionBook(engine_pool)


async def loaded(runs: Runs, run_id: str) -> Run:
    snapshot = await runs.load(run_id)
    assert snapshot is not None
    return snapshot.run


async def reopening(runs: Runs, failed: Run) -> Decision:
    """What RetryStep comes to: the run goes on."""
    before = await loaded(runs, failed.id)
    after = replace(before, state=RunState.RUNNING, completed_at=None, sequence=before.sequence + 1)
    event = Event(after.sequence, "run", "retry_step", NOW, "user:ann", "rpc:2", after)
    return Decision(before, after, (), (event,))


def between(monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], Awaitable[object]]) -> None:
    """Something that is committed right before that part of a purge."""
    part = getattr(purging, name)

    async def later(*args: Any) -> Any:
        await happens()
        return await part(*args)

    monkeypatch.setattr(purging, name, later)


async def until_blocked(owner: Owner, waiting: int) -> None:
    """Polled: nobody tells when a statement begins to wait for a lock."""
    async with asyncio.timeout(60):
        while True:
            cursor = await owner.execute("select distinct pid from pg_locks where not granted")
            if len(await cursor.fetchall()) == waiting:
                return
            await asyncio.sleep(0)


async def test_a_run_that_is_being_changed_is_passed_over(
    database: str, runs: Runs, owner: Owner, purges: Purges
) -> None:
    busy, idle = await ended(runs, owner), await ended(runs, owner)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("update workflow_runs set version = version + 1 where id = %s", (busy.id,))
        batch = await purge(purges)
    assert batch == PurgedBatch((idle.id,), batch.left)
    assert batch.left == {Obstacle.MOVING: 1}
    assert await there(owner, busy) == [busy.id]


async def test_a_purge_that_was_first_leaves_no_run_to_reopen(
    database: str, runs: Runs, owner: Owner, purges: Purges, retention: RetentionBook
) -> None:
    failed = await ended(runs, owner, state=RunState.FAILED)
    decision = await reopening(runs, failed)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("select from step_runs where run_id = %s for update", (failed.id,))
        purging_ = asyncio.create_task(purge(purges))
        await until_blocked(owner, 1)
        late = [runs.apply(decision, {}, LEASE), retention.hold(failed.id, "why", None, "user:ann", None)]
        meeting = asyncio.gather(*late, return_exceptions=True)
        await until_blocked(owner, 3)
        await other.rollback()
        assert (await purging_).runs == (failed.id,)
        reopened, held = await meeting
    assert isinstance(reopened, StaleRun)
    assert isinstance(held, Refusal)
    assert (held.kind, held.reason) == (Kind.NOT_FOUND, "run_not_found")
    assert await runs.load(failed.id) is None
    assert await rows_of(owner, failed) == {}


async def test_what_was_reopened_before_it_was_locked_stays(
    runs: Runs, owner: Owner, purges: Purges, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = await ended(runs, owner, state=RunState.FAILED)
    decision = await reopening(runs, failed)
    between(monkeypatch, "_obstacles", lambda: runs.apply(decision, {}, LEASE))
    batch = await purge(purges)
    assert (batch.runs, batch.left) == ((), {Obstacle.ALIVE: 1})
    assert (await loaded(runs, failed.id)).state is RunState.RUNNING


async def test_what_was_moved_without_being_reopened_is_looked_at_again_later(
    runs: Runs, owner: Owner, purges: Purges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have ended again in a state that is kept for longer."""
    failed = await ended(runs, owner, state=RunState.FAILED)

    async def moves() -> None:
        await owner.execute("update workflow_runs set version = version + 1, state = 'CANCELLED'")

    between(monkeypatch, "_obstacles", moves)
    assert (await purge(purges)).left == {Obstacle.MOVING: 1}
    assert await there(owner, failed) == [failed.id]


async def test_a_child_that_was_started_meanwhile_keeps_its_parent(
    runs: Runs, owner: Owner, purges: Purges, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await ended(runs, owner)
    between(monkeypatch, "_obstacles", lambda: ended(runs, owner, parent_run_id=parent.id))
    assert (await purge(purges)).left == {Obstacle.MOVING: 1}
    assert await there(owner, parent) == [parent.id]


async def test_a_hold_that_was_first_keeps_the_run(
    runs: Runs, owner: Owner, purges: Purges, retention: RetentionBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await ended(runs, owner)
    between(monkeypatch, "_obstacles", lambda: retention.hold(old.id, "why", None, "user:ann", None))
    assert (await purge(purges)).left == {Obstacle.HELD: 1}
    assert await there(owner, old) == [old.id]


async def test_a_hold_that_is_just_being_written_keeps_the_run(
    database: str, runs: Runs, owner: Owner, purges: Purges
) -> None:
    old = await ended(runs, owner)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("select from workflow_runs where id = %s for key share", (old.id,))
        assert (await purge(purges)).left == {Obstacle.MOVING: 1}
    assert (await purge(purges)).runs == (old.id,)


async def test_marks_that_are_taken_off_meanwhile_undo_the_purge(
    runs: Runs, owner: Owner, purges: Purges, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await ended(runs, owner)
    before = await rows_of(owner, old)

    async def unmark() -> None:
        await owner.execute("update changes set published_at = null where stream_id = %s", (old.id,))

    between(monkeypatch, "_removed", unmark)
    batch = await purge(purges)
    assert (batch.runs, batch.left) == ((), {Obstacle.UNPUBLISHED: 1})
    assert await rows_of(owner, old) == before
    cursor = await owner.execute("select from purges")
    assert await cursor.fetchall() == []


async def test_two_purges_share_what_there_is(runs: Runs, owner: Owner, purges: Purges) -> None:
    old = [await ended(runs, owner) for _ in range(20)]
    batches = await asyncio.gather(*(purge(purges) for _ in range(4)))
    gone = [run_id for batch in batches for run_id in batch.runs]
    assert len(gone) == len(set(gone))
    while (batch := await purge(purges)).runs:
        gone += batch.runs
    assert sorted(gone) == sorted(one.id for one in old)


async def test_of_many_reopened_at_the_same_moment_each_goes_or_goes_on(
    runs: Runs, owner: Owner, purges: Purges
) -> None:
    old = [await ended(runs, owner, state=RunState.FAILED) for _ in range(40)]
    decisions = [await reopening(runs, one) for one in old]

    async def some(part: Sequence[Decision]) -> list[bool]:
        return [not isinstance(done, StaleRun) for done in [await _applied(runs, decision) for decision in part]]

    applying = [some(decisions[part::4]) for part in range(4)]
    *reopened, _, _ = await asyncio.gather(*applying, _small(purges), _small(purges))
    went_on = {
        decision.run.id
        for part in range(4)
        for decision, done in zip(decisions[part::4], reopened[part], strict=True)
        if done
    }
    assert set(await there(owner, *old)) == went_on
    for one in old:
        rows = await rows_of(owner, one)
        assert rows.get("changes", 0) == (2 if one.id in went_on else 0)
        assert rows.get("step_runs", 0) == (3 if one.id in went_on else 0)


async def _applied(runs: Runs, decision: Decision) -> object:
    try:
        return await runs.apply(decision, {}, LEASE)
    except StaleRun as stale:
        return stale


async def _small(purges: Purges) -> list[bool]:
    """Batch after batch until there is nothing more."""
    while (await purge(purges, most=3)).runs:
        pass
    return []
