"""The counts of the database that /metrics shows, a few seconds old.

They are taken now and then and kept, so that no scrape ever asks the database, and rest after each count for a
multiple of the time that it took: counting takes a small share of one connection at most, however much there is to
count. When they cannot be taken the last ones are shown for a while, then none: an old number is worse than a gap.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from service.store.census import Counts

EVERY_SECONDS = 10.0
REST = 30
"""Times as long as a count took is the least rest after it."""
OLD_SECONDS = 60.0

log = logging.getLogger(__name__)


class KeptCounts:
    """`took` is how long the last count took, in seconds."""

    def __init__(self, take: Callable[[], Awaitable[Counts]], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._take = take
        self._monotonic = monotonic
        self._counts: Counts | None = None
        self._at = 0.0
        self.took = 0.0
        self._failing = False

    @property
    def age(self) -> float | None:
        """Seconds; None before the first count."""
        return None if self._counts is None else self._monotonic() - self._at

    @property
    def counts(self) -> Counts | None:
        """None before the first, and when the last is too old to be shown."""
        limit = max(OLD_SECONDS, 2 * self.rest)
        return self._counts if self.age is not None and self.age <= limit else None

    @property
    def rest(self) -> float:
        """Seconds until the next count."""
        return max(EVERY_SECONDS, REST * self.took)

    async def watch(self) -> None:
        """Counts until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self.rest)

    async def look(self) -> None:
        begun = self._monotonic()
        try:
            self._counts = await self._take()
        except Exception as error:  # whatever it is: looking at the service must not end it
            if not self._failing:
                log.warning("the census waits: %s", error)
            self._failing = True
            return
        self._failing = False
        self._at = self._monotonic()
        self.took = self._at - begun
