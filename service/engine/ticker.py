"""The clock and the broom: wakes runs whose time has come, and repeats what a dead process left undone.

Due runs are claimed by the database's clock under a lease (a claim only pushes `wake_at`, the next apply sets it anew),
so no replica's own clock matters and a claim that died comes back. What is due inside a run is for `decide` to read.
"""

import asyncio
import logging

from service.domain.commands import OURSELVES, Envelope, TimePassed
from service.domain.errors import Refusal
from service.engine.advance import Advance
from service.engine.loop import Loop
from service.engine.ports.events import EventStore
from service.engine.ports.failures import StoreUnavailable
from service.engine.ports.work import DueRun, WorkStore
from service.engine.router import Router

CLAIM = 100
IDLE_SECONDS = 0.25
BUFFERED_SECONDS = 24 * 3600.0
REMEMBERED_SECONDS = 168 * 3600.0
KEYS_SECONDS = 24 * 3600.0
LETTERS_SECONDS = 30 * 24 * 3600.0
EXPIRE = 1000

log = logging.getLogger(__name__)


class Ticker:
    def __init__(
        self,
        advance: Advance,
        work: WorkStore,
        events: EventStore,
        router: Router,
    ) -> None:
        self._advance = advance
        self._work = work
        self._events = events
        self._router = router
        self.clock_loop = Loop("clock", self._wake_due, IDLE_SECONDS)
        self.sweep_loop = Loop("sweep", self._sweep, advance.lease.sweep_seconds)

    @property
    def loops(self) -> tuple[Loop, Loop]:
        return self.clock_loop, self.sweep_loop

    async def _wake_due(self) -> bool:
        due = await self._work.claim_due_runs(CLAIM, self._advance.lease.seconds)
        await asyncio.gather(*(self._wake(run) for run in due))
        return len(due) == CLAIM

    async def _wake(self, run: DueRun) -> None:
        try:
            await self._advance.submit(run.run_id, Envelope(TimePassed(), OURSELVES, "timer", trace=run.trace))
        except (Refusal, StoreUnavailable) as error:
            log.warning("the clock of %s is left for later: %s", run.run_id, error)

    async def _sweep(self) -> bool:
        more = await self._router.sweep()
        events = await self._events.expire(BUFFERED_SECONDS, REMEMBERED_SECONDS, EXPIRE)
        keys = await self._work.expire_keys(KEYS_SECONDS, EXPIRE)
        letters = await self._events.expire_letters(LETTERS_SECONDS, EXPIRE)
        return more or max(events, keys, letters) >= EXPIRE
