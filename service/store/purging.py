"""Purging ended runs, one bounded transaction per batch: the engine's PurgeStore.

A batch walks over the ended runs of a workspace, oldest first, and takes whole families: a head that is old enough and
all runs below it. Their rows are locked, passing over whoever is being changed, and only then a new statement asks what
speaks against each of them; so what was committed before counts, and nobody can move or hold a run between that and the
commit. Whoever comes later finds no run. Everything of a run goes but the keys of the events and ticks that started it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from service.domain.retention import Cut, Obstacle, PurgedBatch, PurgeOrder, PurgePosition, RetentionPolicy
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import text
from service.store.pool import Connection, Pool, Row
from service.store.queries import query
from service.store.repeatable import one
from service.store.retention import policy_of

WALK = 1000
"""How many ended runs one batch looks at."""
REMOVE = 500
"""How many runs one statement removes; only a family can be larger than a batch."""

_BEGINNING = PurgePosition(datetime(1, 1, 1, tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class Walked:
    """An ended run; `cut` is set where it heads a family and is old enough."""

    id: str
    completed_at: datetime
    cut: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a family, as it was seen before it was locked, and the cut of its head."""

    id: str
    version: int
    cut: datetime


class Purges:
    """Constructed with a pool of the engine's role. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take_turn(self, holder: str, lease_seconds: float) -> bool:
        """Takes the turn, or keeps it."""
        return bool(await self._pool.write(query("turn_take"), (holder, lease_seconds)))

    async def end_turn(self, holder: str, rest_seconds: float) -> None:
        """Nobody has the next turn before that."""
        await self._pool.write(query("turn_end"), (holder, rest_seconds))

    async def workspaces(self) -> list[str]:
        """Those that have ended runs, in order."""
        return [workspace for (workspace,) in await self._pool.read(query("purge_workspaces"))]

    async def policies(self) -> list[RetentionPolicy]:
        return [policy_of(row) for row in await self._pool.read(query("policies_list"), (EVERY_WORKSPACE,))]

    async def purge(
        self, order: PurgeOrder, place: PurgePosition | None, most: int, *, dry_run: bool = False
    ) -> PurgedBatch:
        """Removes whole families with at most so many runs, or one that is larger; with `dry_run` only tells."""
        batch = PurgedBatch()
        async with self._pool.transaction() as connection:
            batch = await _chosen(connection, order, place or _BEGINNING, most)
            if batch.runs and not dry_run and not await _removed(connection, order, batch.runs):
                batch = replace(batch, runs=(), left=batch.left + Counter({Obstacle.UNPUBLISHED: 1}))
                raise psycopg.Rollback
        return batch


# --- what goes -------------------------------------------------------------------------------------------------------


async def _chosen(connection: Connection, order: PurgeOrder, place: PurgePosition, most: int) -> PurgedBatch:
    walked = await _walk(connection, order, place)
    families = await _families(connection, walked, most)
    taken, passed = _fitting(walked, families, most)
    members = [member for head in taken for member in families[head]]
    obstacles = await _obstacles(connection, members)
    left: Counter[Obstacle] = Counter()
    runs: list[str] = []
    for head in taken:
        against = [obstacles[member.id] for member in families[head] if member.id in obstacles]
        if against:
            left[against[0]] += 1
        else:
            runs += (member.id for member in families[head])
    done = passed == len(walked) < WALK
    return PurgedBatch(tuple(runs), left, None if done else _place(walked[passed - 1]))


async def _walk(connection: Connection, order: PurgeOrder, place: PurgePosition) -> list[Walked]:
    cuts = text([_cut_row(state.value, cut) for state, cut in order.cuts.items()])
    params = (order.workspace_id, cuts, place.completed_at, place.run_id, WALK)
    return [Walked(*row) for row in await _all(connection, "purge_walk", params)]


async def _families(connection: Connection, walked: Sequence[Walked], most: int) -> dict[str, list[Member]]:
    """Of the first heads, each with itself."""
    cuts = dict([(run.id, run.cut) for run in walked if run.cut is not None][:most])
    found: dict[str, list[Member]] = {}
    for head, run_id, version in await _all(connection, "purge_families", (list(cuts),)) if cuts else ():
        found.setdefault(head, []).append(Member(run_id, version, cuts[head]))
    return found


def _fitting(walked: Sequence[Walked], families: Mapping[str, Sequence[Member]], most: int) -> tuple[list[str], int]:
    """The heads whose families fit together, the first one in any case, and how many runs were passed for that."""
    taken: list[str] = []
    room = most
    for passed, run in enumerate(walked):
        if run.cut is None:
            continue
        room -= len(families.get(run.id, (run,)))
        if taken and room < 0:
            return taken, passed
        if run.id in families:
            taken.append(run.id)
    return taken, len(walked)


async def _obstacles(connection: Connection, members: Sequence[Member]) -> dict[str, Obstacle]:
    """What speaks against each of them; nothing does where it is not named."""
    if not members:
        return {}
    ids = [member.id for member in members]
    locked = {run_id for (run_id,) in await _all(connection, "purge_lock", (ids,))}
    asked = (ids, [member.version for member in members], [member.cut for member in members])
    found = await _all(connection, "purge_obstacles", asked)
    return {**_unlocked(ids, locked), **{run_id: Obstacle(word) for run_id, word in found if word}}


def _unlocked(ids: Sequence[str], locked: Collection[str]) -> dict[str, Obstacle]:
    return {run_id: Obstacle.MOVING for run_id in ids if run_id not in locked}


# --- how it goes -----------------------------------------------------------------------------------------------------


async def _removed(connection: Connection, order: PurgeOrder, runs: Sequence[str]) -> bool:
    """False when a change among them is to go out again after all; then this must not be committed."""
    for first in range(0, len(runs), REMOVE):
        row = await one(connection, "purge_runs", (list(runs[first : first + REMOVE]),))
        if row is None or row[1]:
            return False
    policy = text({state.value: cut for state, cut in order.cuts.items()})
    await connection.execute(query("purge_note"), (order.workspace_id, order.by, policy, len(runs)))
    return True


def _cut_row(state: str, cut: Cut) -> dict[str, Any]:
    return {"state": state, "before" if isinstance(cut, datetime) else "seconds": cut}


def _place(run: Walked) -> PurgePosition:
    return PurgePosition(run.completed_at, run.id)


async def _all(connection: Connection, name: str, params: Sequence[object]) -> list[Row]:
    return await (await connection.execute(query(name), params)).fetchall()
