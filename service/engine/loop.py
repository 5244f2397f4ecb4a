"""One shape for every background loop: work while there is work, then wait for a hint or a while.

A hint (`wake`) only shortens the wait; polling with jitter is the truth, so a lost hint costs latency and nothing else.
When the database or the bus does not answer, the loop backs off and says so once, then goes on by itself.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from service.engine.ports.failures import BusUnavailable, StoreUnavailable

LONGEST_BACKOFF_SECONDS = 5.0

log = logging.getLogger(__name__)


class Loop:
    def __init__(self, name: str, work: Callable[[], Awaitable[bool]], idle_seconds: float) -> None:
        """`work` does one round and tells whether there may be more."""
        self.name = name
        self._work = work
        self._idle_seconds = idle_seconds
        self._hint = asyncio.Event()
        self._stopping = False
        self.rounds = 0
        self.failed_rounds = 0
        self.failures_in_a_row = 0

    def wake(self) -> None:
        self._hint.set()

    def stop(self) -> None:
        """Lets the round in hand finish and starts no other."""
        self._stopping = True
        self._hint.set()

    async def run(self) -> None:
        while not self._stopping:
            self._hint.clear()
            if not await self._round():
                await self._wait()

    async def _round(self) -> bool:
        try:
            more = await self._work()
        except (StoreUnavailable, BusUnavailable) as error:
            return self._failed(error)
        except Exception as error:  # one bad row must not end the service
            return self._failed(error, trace=error)
        self.rounds += 1
        if self.failures_in_a_row:
            log.info("%s goes on", self.name)
            self.failures_in_a_row = 0
        return more

    def _failed(self, error: Exception, trace: Exception | None = None) -> bool:
        self.rounds += 1
        self.failed_rounds += 1
        self.failures_in_a_row += 1
        if self.failures_in_a_row == 1:
            log.warning("%s waits: %s", self.name, error, exc_info=trace)
        return False

    async def _wait(self) -> None:
        failures = self.failures_in_a_row
        backoff = min(self._idle_seconds * 2 ** min(failures, 10), LONGEST_BACKOFF_SECONDS)
        seconds = max(self._idle_seconds, backoff if failures else 0) * random.uniform(0.8, 1.2)
        try:
            async with asyncio.timeout(seconds):
                await self._hint.wait()
        except TimeoutError:
            return
