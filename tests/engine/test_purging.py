"""Whose turn it is, in what steps a pass goes, and that it goes by the policies of the moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from service.domain.retention import ENDED, Cut, Obstacle, PurgedBatch, PurgeOrder, PurgePosition, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.engine.purging import BATCH, REST_SECONDS, STEPS, Purged, Purger, PurgeWish, purge_now

PLACE = PurgePosition(datetime(2026, 3, 2, tzinfo=UTC), "wfr_1")
COMPLETED, FAILED, CANCELLED = ENDED


@dataclass
class FakeStore:
    """Each workspace has so many batches of runs to give; 0 is one that has nothing to give."""

    sizes: dict[str, list[int]] = field(default_factory=dict)
    rules: Sequence[RetentionPolicy] = (RetentionPolicy(EVERY_WORKSPACE, None, 60),)
    mine: bool = True
    asked: list[tuple[PurgeOrder, PurgePosition | None, int]] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)

    async def take_turn(self, holder: str, lease_seconds: float) -> bool:
        return self.mine

    async def end_turn(self, holder: str, rest_seconds: float) -> None:
        self.rests.append(rest_seconds)

    async def workspaces(self) -> list[str]:
        return sorted(self.sizes)

    async def policies(self) -> list[RetentionPolicy]:
        return list(self.rules)

    async def purge(
        self, order: PurgeOrder, place: PurgePosition | None, most: int, *, dry_run: bool = False
    ) -> PurgedBatch:
        self.asked.append((order, place, most))
        sizes = self.sizes[order.workspace_id]
        size = min(sizes.pop(0), most)
        runs = tuple(f"{order.workspace_id}_{number}" for number in range(size))
        return PurgedBatch(runs, Counter({Obstacle.HELD: 1}), PLACE if sizes else None)

    @property
    def visited(self) -> list[str]:
        return [order.workspace_id for order, _, _ in self.asked]


def passing(store: FakeStore, default_seconds: int = 0) -> Purger:
    return Purger(store, "replica", default_seconds)


async def rounds(retention: Purger, count: int) -> None:
    for _ in range(count):
        assert not await retention._round()


async def test_nothing_is_purged_out_of_turn() -> None:
    store = FakeStore({"a": [1]}, mine=False)
    await rounds(passing(store), 2)
    assert (store.asked, store.rests) == ([], [])


async def test_a_round_removes_one_batch_and_the_last_one_ends_the_turn() -> None:
    store = FakeStore({"a": [3, 2], "b": [1]})
    retention = passing(store)
    for visited in (["a"], ["a", "a"], ["a", "a", "b"]):
        await rounds(retention, 1)
        assert store.visited == visited
        assert store.rests == []
    await rounds(retention, 1)
    assert store.rests == [REST_SECONDS]
    assert [place for _, place, _ in store.asked] == [None, PLACE, None]
    assert {most for _, _, most in store.asked} == {BATCH}
    assert (retention.counters, retention.left) == ({"purged_runs": 6}, {Obstacle.HELD: 3})


async def test_batches_without_anything_to_remove_are_passed_together_but_not_for_ever() -> None:
    store = FakeStore({"a": [0] * (STEPS + 5)})
    retention = passing(store)
    await rounds(retention, 1)
    assert len(store.asked) == STEPS
    await rounds(retention, 1)
    assert (len(store.asked), store.rests) == (STEPS + 5, [REST_SECONDS])


async def test_a_policy_that_was_set_meanwhile_counts() -> None:
    store = FakeStore({"a": [1, 1], "b": [1]}, [RetentionPolicy(EVERY_WORKSPACE, None, 60)])
    retention = passing(store)
    await rounds(retention, 1)
    store.rules = [
        RetentionPolicy(EVERY_WORKSPACE, None, 60),
        RetentionPolicy("a", None, 0),
        RetentionPolicy("b", COMPLETED, 0),
    ]
    await rounds(retention, 2)
    assert store.rests == [REST_SECONDS]
    assert [(order.workspace_id, order.cuts) for order, _, _ in store.asked] == [
        ("a", {COMPLETED: 60, FAILED: 60, CANCELLED: 60}),
        ("b", {FAILED: 60, CANCELLED: 60}),
    ]


async def test_the_setting_counts_where_nothing_else_does() -> None:
    store = FakeStore({"a": [1]}, [RetentionPolicy("b", None, 60)])
    await rounds(passing(store, 90), 1)
    [(order, _, _)] = store.asked
    assert set(order.cuts.values()) == {90}


async def test_a_turn_that_was_lost_begins_anew() -> None:
    store = FakeStore({"a": [1, 1, 1]})
    retention = passing(store)
    await rounds(retention, 1)
    store.mine = False
    await rounds(retention, 1)
    store.mine = True
    await rounds(retention, 1)
    assert [place for _, place, _ in store.asked] == [None, None]


def everything(workspace: str) -> Mapping[RunState, Cut]:
    return dict.fromkeys(ENDED, 60)


async def test_what_is_purged_now_stops_at_its_limit() -> None:
    store = FakeStore({"a": [5, 5, 5], "b": [5]})
    done = await purge_now(store, PurgeWish(EVERY_WORKSPACE, everything, "user:ann", limit=8, batch=5))
    assert (len(done.runs), done.by_workspace, done.more) == (8, {"a": 8}, True)
    assert [most for _, _, most in store.asked] == [5, 3]


async def test_what_is_purged_now_is_of_one_workspace_or_all() -> None:
    store = FakeStore({"a": [5], "b": [0]})
    done = await purge_now(store, PurgeWish(EVERY_WORKSPACE, everything, "user:ann", limit=100))
    assert done == Purged(["a_0", "a_1", "a_2", "a_3", "a_4"], Counter({Obstacle.HELD: 2}), Counter({"a": 5}))
    store = FakeStore({"a": [5], "b": [1]})
    await purge_now(store, PurgeWish("b", everything, "user:ann", limit=100))
    assert store.visited == ["b"]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_only_what_went_is_counted(dry_run: bool) -> None:
    retention = passing(FakeStore({"a": [5]}))
    wanted = PurgeWish("a", everything, "user:ann", limit=100, dry_run=dry_run)
    assert len((await retention.purge(wanted)).runs) == 5
    assert retention.counters["purged_runs"] == (0 if dry_run else 5)


async def test_without_cuts_nothing_is_asked_for() -> None:
    store = FakeStore({"a": [5]})
    assert await purge_now(store, PurgeWish("a", lambda workspace: {}, "user:ann", limit=100)) == Purged()
