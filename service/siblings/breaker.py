"""A circuit breaker: a sibling that keeps failing is left alone for a while instead of being waited for.

After `threshold` transport faults in a row it opens. Once `cooldown_seconds` have passed, one call per
cooldown is let through as a probe; its success closes the breaker. A probe that is never heard of again needs
no care, because the next one is due a cooldown later. Only counts and times: the caller says what happened,
the clock is monotonic and given.
"""

import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"  # the next call is let through as a probe


class Breaker:
    """`openings` counts how often it opened, `refusals` the calls it did not let through."""

    def __init__(
        self,
        threshold: int = 5,
        cooldown_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._cooldown = cooldown_seconds
        self._clock = clock
        self._faults = 0
        self._probe_at = 0.0
        self.openings = 0
        self.refusals = 0

    @property
    def state(self) -> BreakerState:
        if self._faults < self._threshold:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._clock() >= self._probe_at else BreakerState.OPEN

    def admit(self) -> bool:
        """Whether a call may go out now; while half-open, the one that is told yes is the probe."""
        state = self.state
        if state is BreakerState.HALF_OPEN:
            self._rest()
        self.refusals += state is BreakerState.OPEN
        return state is not BreakerState.OPEN

    def succeeded(self) -> None:
        self._faults = 0

    def failed(self) -> None:
        self._faults += 1
        self.openings += self._faults == self._threshold
        self._rest()

    def _rest(self) -> None:
        self._probe_at = self._clock() + self._cooldown
