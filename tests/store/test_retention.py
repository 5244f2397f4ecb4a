"""Policies that are set and taken back, runs that are held and released, and whose turn it is to purge."""

from asyncio import gather
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.retention import Cut, PurgeOrder, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.pool import Pool
from service.store.purging import Purges
from service.store.retention import RetentionBook, RetentionReads
from service.store.runs import Runs
from tests.store.decisions import run, store
from tests.store.purgeable import ended, purge

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
IDEM = Idem("user:ann", "k1", b"body")
ROUNDS = 20


@pytest.fixture
def retention(engine_pool: Pool) -> RetentionBook:
    return RetentionBook(engine_pool)


@pytest.fixture
def reads(reader_pool: Pool) -> RetentionReads:
    return RetentionReads(reader_pool)


@pytest.fixture
def purges(engine_pool: Pool) -> Purges:
    return Purges(engine_pool)


def policy(workspace_id: str = "ws_1", state: RunState | None = None, seconds: int = 60) -> RetentionPolicy:
    return RetentionPolicy(workspace_id, state, seconds, "user:ann")


def told(policies: list[RetentionPolicy]) -> list[tuple[str, RunState | None, int]]:
    return [(found.workspace_id, found.state, found.keep_seconds) for found in policies]


# --- policies --------------------------------------------------------------------------------------------------------


async def test_there_is_one_policy_for_each_workspace_and_state(retention: RetentionBook, purges: Purges) -> None:
    for one in (policy(), policy(seconds=70), policy(state=RunState.FAILED), policy(EVERY_WORKSPACE), policy("ws_2")):
        await retention.set_policy(one, None)
    mine = [(EVERY_WORKSPACE, None, 60), ("ws_1", None, 70), ("ws_1", RunState.FAILED, 60)]
    assert told(await retention.policies("ws_1")) == mine
    assert told(await retention.policies(None)) == [*mine, ("ws_2", None, 60)]
    assert told(await purges.policies()) == [*mine, ("ws_2", None, 60)]


async def test_a_policy_tells_who_set_it_and_when(retention: RetentionBook) -> None:
    first = (await retention.set_policy(policy(), None)).value
    second = (await retention.set_policy(RetentionPolicy("ws_1", None, 0, "user:bob"), None)).value
    assert (first.set_by, second.set_by) == ("user:ann", "user:bob")
    assert first.set_at is not None
    assert second.set_at is not None
    assert second.set_at > first.set_at


async def test_a_policy_is_taken_back_once(retention: RetentionBook) -> None:
    await retention.set_policy(policy(), None)
    await retention.set_policy(policy(state=RunState.FAILED), None)
    await retention.delete_policy("ws_1", None, None)
    assert told(await retention.policies("ws_1")) == [("ws_1", RunState.FAILED, 60)]
    with pytest.raises(Refusal) as caught:
        await retention.delete_policy("ws_1", None, None)
    assert caught.value.reason == "policy_not_found"


async def test_repeated_calls_change_nothing(retention: RetentionBook) -> None:
    await retention.set_policy(policy(), IDEM)
    await retention.set_policy(policy(seconds=90), None)
    assert (await retention.set_policy(policy(), IDEM)).replay
    assert told(await retention.policies("ws_1")) == [("ws_1", None, 90)]
    again = Idem("user:ann", "k2", b"body")
    await retention.delete_policy("ws_1", None, again)
    assert (await retention.delete_policy("ws_1", None, again)).replay


# --- holds -----------------------------------------------------------------------------------------------------------


async def test_a_run_is_held_by_one_for_one_reason(retention: RetentionBook, reads: RetentionReads, runs: Runs) -> None:
    begun = await store(runs)
    held = (await retention.hold(begun.id, "a complaint", "ws_1", "user:ann", None)).value
    assert (held.run_id, held.workspace_id, held.reason, held.held_by) == (begun.id, "ws_1", "a complaint", "user:ann")
    assert (await retention.hold(begun.id, "a complaint", None, "user:ann", None)).value == held
    for reason, actor in (("a lawsuit", "user:ann"), ("a complaint", "user:bob")):
        with pytest.raises(Refusal) as caught:
            await retention.hold(begun.id, reason, None, actor, None)
        assert (caught.value.kind, caught.value.reason) == (Kind.CONFLICT, "run_held")
    assert (await reads.holds(None, 10, 0)).rows == [held]


async def test_what_is_released_may_go(
    retention: RetentionBook, reads: RetentionReads, runs: Runs, owner: Owner, purges: Purges
) -> None:
    old = await ended(runs, owner)
    held = (await retention.hold(old.id, "a complaint", None, "user:ann", None)).value
    assert (await purge(purges)).runs == ()
    assert (await retention.release(old.id, None, None)).value == held
    assert (await reads.holds(None, 10, 0)).total == 0
    with pytest.raises(Refusal) as caught:
        await retention.release(old.id, None, None)
    assert caught.value.reason == "hold_not_found"
    assert (await purge(purges)).runs == (old.id,)


@pytest.mark.parametrize("run_id", ["mine", "unknown"])
async def test_the_runs_of_others_are_not_there(retention: RetentionBook, runs: Runs, run_id: str) -> None:
    mine = await store(runs)
    for call in (
        retention.hold(mine.id if run_id == "mine" else run_id, "why", "ws_2", "user:eve", None),
        retention.release(mine.id if run_id == "mine" else run_id, "ws_2", None),
    ):
        with pytest.raises(Refusal) as caught:
            await call
        assert caught.value.reason == "run_not_found"


async def test_holds_and_releases_may_be_repeated(retention: RetentionBook, reads: RetentionReads, runs: Runs) -> None:
    begun = await store(runs)
    first = await retention.hold(begun.id, "why", None, "user:ann", IDEM)
    assert await retention.hold(begun.id, "why", None, "user:ann", IDEM) == Replayable(first.value, replay=True)
    again = Idem("user:ann", "k2", b"body")
    assert (await retention.release(begun.id, None, again)).value == first.value
    released = await retention.release(begun.id, None, again)
    assert (released.value, released.replay) == (None, True)
    assert await retention.hold(begun.id, "why", None, "user:ann", IDEM) == Replayable(first.value, replay=True)
    assert (await reads.holds(None, 10, 0)).total == 0


async def test_of_those_who_hold_a_run_at_once_one_does_and_the_others_hear_who(
    retention: RetentionBook, runs: Runs
) -> None:
    for _ in range(ROUNDS):
        begun = await store(runs)
        people = [f"user:{number}" for number in range(4)]
        held = await gather(
            *(retention.hold(begun.id, "why", None, who, None) for who in people), return_exceptions=True
        )
        [first] = [each.value.held_by for each in held if isinstance(each, Replayable)]
        refused = [(each.reason, first in str(each)) for each in held if isinstance(each, Refusal)]
        assert refused == [("run_held", True)] * 3


async def test_calls_at_once_under_one_key_are_one_call(retention: RetentionBook, runs: Runs) -> None:
    for number in range(ROUNDS):
        begun, key = await store(runs), Idem("user:ann", f"at once {number}", b"body")
        wanted = RetentionPolicy("ws_1", None, 60, "user:ann")
        held = await gather(*(retention.hold(begun.id, "why", None, "user:ann", key) for _ in range(4)))
        key = Idem("user:ann", f"policy {number}", b"body")
        policies = await gather(*(retention.set_policy(wanted, key) for _ in range(4)))
        assert sorted(each.replay for each in held) == sorted(each.replay for each in policies) == [False] + [True] * 3


async def test_a_workspace_sees_its_own_holds_the_latest_first(
    retention: RetentionBook, reads: RetentionReads, runs: Runs
) -> None:
    begun = [await store(runs, run(workspace_id=workspace)) for workspace in ("ws_1", "ws_1", "ws_2")]
    for one in begun:
        await retention.hold(one.id, "why", None, "user:ann", None)
    page = await reads.holds("ws_1", 1, 0)
    assert ([hold.run_id for hold in page.rows], page.total) == ([begun[1].id], 2)
    assert [hold.run_id for hold in (await reads.holds("ws_1", 10, 1)).rows] == [begun[0].id]
    assert (await reads.holds(None, 10, 0)).total == 3
    assert (await reads.holds("ws_1", 10, 9)).total == 2


async def test_a_workspace_sees_what_was_purged_of_its_own_the_latest_first(
    reads: RetentionReads, runs: Runs, owner: Owner, purges: Purges
) -> None:
    at = datetime.now(UTC) - timedelta(days=1)
    orders: list[tuple[str, dict[RunState, Cut]]] = [
        ("ws_1", {RunState.COMPLETED: 60}),
        ("ws_1", {RunState.COMPLETED: 0, RunState.FAILED: at}),
        ("ws_2", {RunState.COMPLETED: 0}),
    ]
    for workspace, cuts in orders:
        await ended(runs, owner, workspace_id=workspace)
        await purges.purge(PurgeOrder(workspace, cuts, "user:ann"), None, 100)
    page = await reads.purges("ws_1", 1, 0)
    assert ([(each.cuts, each.purged_by, each.runs) for each in page.rows], page.total) == (
        [(orders[1][1], "user:ann", 1)],
        2,
    )
    assert [each.cuts for each in (await reads.purges("ws_1", 10, 1)).rows] == [orders[0][1]]
    assert [each.workspace_id for each in (await reads.purges(None, 10, 0)).rows] == ["ws_2", "ws_1", "ws_1"]
    assert await reads.purges("ws_3", 10, 0) == Page([], 0)


# --- turns -----------------------------------------------------------------------------------------------------------


async def test_one_has_the_turn_and_keeps_it(purges: Purges) -> None:
    assert await purges.take_turn("one", 60)
    assert await purges.take_turn("one", 60)
    assert not await purges.take_turn("two", 60)
    await purges.end_turn("two", 0)
    assert not await purges.take_turn("two", 60)


async def test_a_turn_that_is_over_is_nobodys_for_a_while(purges: Purges) -> None:
    await purges.take_turn("one", 60)
    await purges.end_turn("one", 60)
    assert not await purges.take_turn("one", 60)
    assert not await purges.take_turn("two", 60)


async def test_the_turn_of_the_dead_is_taken_over(purges: Purges) -> None:
    assert await purges.take_turn("one", 0)
    assert await purges.take_turn("two", 60)
    assert not await purges.take_turn("one", 60)


@pytest.mark.parametrize("change", ["set", "delete"])
async def test_a_changed_policy_begins_the_next_turn_at_once(
    retention: RetentionBook, purges: Purges, change: str
) -> None:
    await retention.set_policy(policy(), None)
    await purges.take_turn("one", 60)
    await purges.end_turn("one", 60)
    if change == "set":
        await retention.set_policy(policy(seconds=70), None)
    else:
        await retention.delete_policy("ws_1", None, None)
    assert await purges.take_turn("two", 60)
    await retention.set_policy(policy(seconds=80), None)
    assert not await purges.take_turn("one", 60)
