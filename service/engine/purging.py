"""Purges by the policies, batch by batch, on one replica at a time; and what an operator asks to be purged now.

A pass goes over every workspace that has ended runs. Its turn is a row with a lease on the database's clock, kept by
every round; after a pass nobody has the next turn for a while, or until a policy changes. A round removes one batch at
most and the loop rests after each, so what runs is never disturbed; policies are read anew for every round, so one that
was just set is not passed over. What may go is for the store to see, under the locks of the runs themselves.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from service.domain.commands import OURSELVES
from service.domain.retention import Cut, Obstacle, PurgedBatch, PurgeOrder, PurgePosition, RetentionPolicy, keeps
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.engine.loop import Loop

BATCH = 100
"""Runs in one transaction."""
STEPS = 20
"""Batches that may find nothing to remove in one round."""
PAUSE_SECONDS = 1.0
REST_SECONDS = 600.0
LEASE_SECONDS = 60.0

log = logging.getLogger(__name__)


class PurgeStore(Protocol):
    """Every method is a trip of its own; `purge` is one transaction of a few. Raises StoreUnavailable."""

    async def take_turn(self, holder: str, lease_seconds: float) -> bool: ...

    async def end_turn(self, holder: str, rest_seconds: float) -> None: ...

    async def workspaces(self) -> list[str]: ...

    async def policies(self) -> list[RetentionPolicy]: ...

    async def purge(
        self, order: PurgeOrder, place: PurgePosition | None, most: int, *, dry_run: bool = False
    ) -> PurgedBatch: ...


@dataclass(frozen=True, slots=True)
class PurgeWish:
    """What an operator wants to go: `limit` runs at most, of a workspace or of EVERY_WORKSPACE. The cuts may depend on
    the workspace."""

    workspace_id: str
    cuts: Callable[[str], Mapping[RunState, Cut]]
    by: str
    limit: int
    batch: int = BATCH
    dry_run: bool = False


@dataclass
class Purged:
    """`more` tells that the limit was reached before the end."""

    runs: list[str] = field(default_factory=list)
    left: Counter[Obstacle] = field(default_factory=Counter)
    by_workspace: Counter[str] = field(default_factory=Counter)
    more: bool = False


class Purger:
    def __init__(self, store: PurgeStore, holder: str, default_seconds: int) -> None:
        """`default_seconds` counts where no policy says anything; 0 keeps for ever."""
        self._store = store
        self._holder = holder
        self.default_seconds = default_seconds
        self._pass: Pass | None = None
        self.counters: Counter[str] = Counter()
        self.left: Counter[Obstacle] = Counter()
        self.loop = Loop("retention", self._round, PAUSE_SECONDS)

    async def purge(self, wanted: PurgeWish) -> Purged:
        """What an operator wants to go now. Raises StoreUnavailable; what went before stays gone."""
        done = await purge_now(self._store, wanted)
        if not wanted.dry_run:
            self._count(len(done.runs), done.left)
        return done

    async def _round(self) -> bool:
        """The loop rests after each, whether there is more or not."""
        if not await self._store.take_turn(self._holder, LEASE_SECONDS):
            self._pass = None
            return False
        policies = await self._store.policies()
        if self._pass is None:
            self._pass = Pass(await self._store.workspaces() if self._any(policies) else ())
        for _ in range(STEPS):
            if self._pass.over:
                self._pass = None
                await self._store.end_turn(self._holder, REST_SECONDS)
                return False
            if await self._step(self._pass, policies):
                return False
        return False

    def _any(self, policies: Sequence[RetentionPolicy]) -> bool:
        return self.default_seconds > 0 or any(policy.keep_seconds for policy in policies)

    async def _step(self, walk: "Pass", policies: Sequence[RetentionPolicy]) -> bool:
        """Whether anything was removed."""
        cuts = keeps(policies, self.default_seconds, walk.workspace)
        if not cuts:
            walk.go_on(None)
            return False
        batch = await self._store.purge(PurgeOrder(walk.workspace, cuts, OURSELVES), walk.place, BATCH)
        self._count(len(batch.runs), batch.left)
        tell(walk.workspace, OURSELVES, len(batch.runs))
        walk.go_on(batch.place)
        return bool(batch.runs)

    def _count(self, runs: int, left: Counter[Obstacle]) -> None:
        self.counters["purged_runs"] += runs
        self.left.update(left)


class Pass:
    """Where the pass of this replica stands: the workspaces still to do, and the place in the first of them."""

    def __init__(self, workspaces: Sequence[str]) -> None:
        self._workspaces = list(workspaces)
        self.place: PurgePosition | None = None

    @property
    def over(self) -> bool:
        return not self._workspaces

    @property
    def workspace(self) -> str:
        return self._workspaces[0]

    def go_on(self, place: PurgePosition | None) -> None:
        """None: to the next workspace."""
        self.place = place
        if place is None:
            del self._workspaces[0]


async def purge_now(store: PurgeStore, wanted: PurgeWish) -> Purged:
    """Purges, or with `dry_run` tells what would go, without resting between the batches. Raises StoreUnavailable."""
    done = Purged()
    for workspace in await store.workspaces() if wanted.workspace_id == EVERY_WORKSPACE else (wanted.workspace_id,):
        await _purge_one(store, wanted, workspace, done)
        if done.more:
            break
    return done


async def _purge_one(store: PurgeStore, wanted: PurgeWish, workspace: str, done: Purged) -> None:
    order, place = PurgeOrder(workspace, wanted.cuts(workspace), wanted.by), None
    while order.cuts:
        room = wanted.limit - len(done.runs)
        if room <= 0:
            done.more = True
            return
        batch = await store.purge(order, place, min(room, wanted.batch), dry_run=wanted.dry_run)
        _add(done, workspace, batch)
        if not wanted.dry_run:
            tell(workspace, wanted.by, len(batch.runs))
        if (place := batch.place) is None:
            return
        await asyncio.sleep(0)


def _add(done: Purged, workspace: str, batch: PurgedBatch) -> None:
    done.runs += batch.runs
    done.left += batch.left
    if batch.runs:
        done.by_workspace[workspace] += len(batch.runs)


def tell(workspace: str, by: str, runs: int) -> None:
    if runs:
        log.info("purged %d runs of %s for %s", runs, workspace, by)
