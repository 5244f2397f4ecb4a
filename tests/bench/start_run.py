"""StartRun over gRPC: how soon it is answered when nothing else happens, and how many can be started.

The latency stands beside what it has to be made of: a call and one commit, both measured the same way.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import psycopg

from tests.bench import graphs
from tests.bench.crowd import Job, timed
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.outside import Outside, outside
from tests.bench.servers import Servers

STEPS = 10
ONE_BY_ONE = 200
AT_ONCE = 1000
IN_FLIGHT = 32

FIGURES = (
    Figure("empty", "ms", "an empty call, idle"),
    Figure("commit", "ms", "one row inserted and committed"),
    Figure("idle", "ms", "StartRun, idle"),
    Figure("idle_share", "of 5 empty calls and a commit", "StartRun, idle", at_most=1),
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
    empty = await _idle(service.empty_call)
    commit = await _idle(commits.one)
    idle = await _idle(start)
    busy = await timed(IN_FLIGHT, [start] * AT_ONCE)
    return {
        "empty": empty,
        "commit": commit,
        "idle": idle,
        "idle_share": idle / (5 * empty + commit),
        "rate": busy.rate,
        "p50": busy.milliseconds(0.5),
        "p99": busy.milliseconds(0.99),
    }


async def _idle(job: Job) -> float:
    """Milliseconds, the median of calls one after the other."""
    return (await timed(1, [job] * ONE_BY_ONE)).milliseconds(0.5)


MEASUREMENT = Measurement("start_run", FIGURES, prepare)
