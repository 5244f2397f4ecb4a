"""Many things in flight at once, and how long each of them took.

A crowd of a fixed size works off a list of jobs; as soon as one is done its worker takes the next, so the number in
flight stays the same until the end.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Job: TypeAlias = Callable[[], Awaitable[object]]


@dataclass
class Times:
    """`seconds` has one entry per call, `total` is from the first start to the last end."""

    seconds: list[float] = field(default_factory=list)
    total: float = 0.0

    @property
    def rate(self) -> float:
        """Per second."""
        return len(self.seconds) / self.total

    def milliseconds(self, share: float) -> float:
        """That quantile: 0.5 is the median."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    @contextmanager
    def one(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - started)

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        started = time.perf_counter()
        yield
        self.total = time.perf_counter() - started


async def crowd(size: int, jobs: Iterable[Job]) -> None:
    """Returns when every job is done."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    async with asyncio.TaskGroup() as group:
        for _ in range(size):
            group.create_task(work())


async def timed(size: int, jobs: Iterable[Job]) -> Times:
    """Like `crowd`, each job timed as one call."""
    times = Times()

    def clocked(job: Job) -> Job:
        async def run() -> None:
            with times.one():
                await job()

        return run

    async with times.all():
        await crowd(size, map(clocked, jobs))
    return times
