"""Measuring on the hot path: plain numbers that somebody else reads.

Noting a duration costs about a microsecond: a search among a few bounds and two additions, no lock, no labels to look
up. Everything runs on one event loop, so nothing is lost. Who measures keeps its instruments and knows nothing of
Prometheus; `service.observing` reads them when it is asked.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

BOUNDS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Coarse on purpose: from half a millisecond to the longest call."""


class Durations:
    """How often something was done and how long it took, in buckets by BOUNDS_SECONDS."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds

    def timing(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls and notes how long that took, unless it raises."""
        begun = time.perf_counter()
        result = function(*args, **kwargs)
        self.note(time.perf_counter() - begun)
        return result

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Upper bound and how many took at most that, as Prometheus counts."""
        bounds = (*map(str, BOUNDS_SECONDS), "+Inf")
        return zip(bounds, accumulate(self.counts), strict=True)
