"""The database's clock, carried between round trips by this machine's monotonic one.

Every decision is stamped with the database's time, so replicas whose own clocks disagree still agree; the wall clock of
this machine is never read. `sync` is called with each answer that brought the database's time along.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class DatabaseClock:
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._base: datetime | None = None
        self._at = 0.0

    def sync(self, now: datetime) -> None:
        self._base, self._at = now, self.monotonic()

    def now(self) -> datetime:
        """Raises RuntimeError before the first sync."""
        if self._base is None:
            raise RuntimeError("the clock was never synchronised with the database")
        return self._base + timedelta(seconds=self.monotonic() - self._at)
