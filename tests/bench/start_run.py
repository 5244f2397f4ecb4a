"""StartRun over gRPC: how soon it is answered, and how many can be started.

The latency stands beside what it is made of, calls and a commit, measured in the same way. Back to back is what has a
goal: there the changes that one start told are published while the next is answered. With a pause after each, all three
take longer, the two that it is compared with most of all, so that share is only shown.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import psycopg

from tests.bench import graphs
from tests.bench.crowd import Job, Times, timed
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.outside import Outside, outside
from tests.bench.servers import Servers

STEPS = 10
BACK_TO_BACK = 200
IDLE = 50
PAUSE_SECONDS = 0.03
AT_ONCE = 1000
IN_FLIGHT = 32

FIGURES = (
    Figure("empty", "ms", "an empty call, with pauses"),
    Figure("commit", "ms", "one row inserted and committed, with pauses"),
    Figure("idle", "ms", "StartRun, with pauses"),
    Figure("idle_share", "of 5 empty calls and a commit", "StartRun, with pauses"),
    Figure("back_to_back", "ms", "StartRun, back to back"),
    Figure("back_to_back_share", "of 5 empty calls and a commit", "StartRun, back to back", at_most=1),
    Figure("rate", "per second", "StartRun, 32 in flight"),
    Figure("p50", "ms", "StartRun, 32 in flight, half are done in"),
    Figure("p99", "ms", "StartRun, 32 in flight, 99 of 100 are done in"),
)


class Commits:
    """The smallest durable write there is."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection

    async def one(self) -> None:
        await self._connection.execute("insert into bench_commits (note) values (%s)", ("x" * 200,), prepare=True)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("start_run")
    version = await graphs.publish(dsn, graphs.tasks(STEPS))
    connecting = psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with outside(servers, dsn) as service, await connecting as connection:
        await connection.execute("create table bench_commits (note text not null)")
        numbers = count()
        start: Job = lambda: service.start(version.definition_id, next(numbers))  # noqa: E731
        yield partial(_round, service, Commits(connection), start)


async def _round(service: Outside, commits: Commits, start: Job) -> Reading:
    jobs = service.empty_call, commits.one, start
    empty, commit, idle = [await _one_by_one(job, IDLE, PAUSE_SECONDS) for job in jobs]
    empty_again, commit_again, back_to_back = [await _one_by_one(job, BACK_TO_BACK) for job in jobs]
    busy = await timed(IN_FLIGHT, [start] * AT_ONCE)
    return {
        "empty": empty,
        "commit": commit,
        "idle": idle,
        "idle_share": idle / (5 * empty + commit),
        "back_to_back": back_to_back,
        "back_to_back_share": back_to_back / (5 * empty_again + commit_again),
        "rate": busy.rate,
        "p50": busy.milliseconds(0.5),
        "p99": busy.milliseconds(0.99),
    }


async def _one_by_one(job: Job, count: int, pause_seconds: float = 0) -> float:
    """Milliseconds, the median."""
    times = Times()
    for _ in range(count):
        with times.one():
            await job()
        await asyncio.sleep(pause_seconds)
    return times.milliseconds(0.5)


MEASUREMENT = Measurement("start_run", FIGURES, prepare)
