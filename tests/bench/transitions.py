"""Engine transitions through the store: one step completed, the next one waiting, two changes written.

Once with the run's snapshot at hand (one trip), once with it forgotten before each command, as if another replica had
moved the run (two trips). Both beside pgbench on the same server in the same round. Starting the runs is not counted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from service.domain.definition import Version
from tests.bench import graphs
from tests.bench.crowd import Times, crowd
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.inside import Inside, inside
from tests.bench.pgbench import PgBench
from tests.bench.servers import Servers

STEPS = 10
RUNS = 200
IN_FLIGHT = 32
PGBENCH_SECONDS = 3

FIGURES = (
    Figure("pgbench", "per second", "update + insert by pgbench, 8 clients"),
    Figure("at_hand", "per second", "transitions, snapshot at hand"),
    Figure("at_hand_share", "of pgbench", "transitions, snapshot at hand", at_least=0.2),
    Figure("forgotten", "per second", "transitions, snapshot forgotten"),
    Figure("forgotten_share", "of pgbench", "transitions, snapshot forgotten", at_least=0.1),
)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("transitions")
    pgbench = await PgBench.on(servers, "transitions_pgbench")
    version = await graphs.publish(dsn, graphs.tasks(STEPS))
    async with inside(dsn) as at_hand, inside(dsn) as forgotten:
        forgotten.engine.advance.capacity = 0
        yield partial(_round, pgbench, at_hand, forgotten, version)


async def _round(pgbench: PgBench, at_hand: Inside, forgotten: Inside, version: Version) -> Reading:
    limit = await pgbench.rate(PGBENCH_SECONDS)
    one_trip = await _rate(at_hand, version)
    two_trips = await _rate(forgotten, version)
    return {
        "pgbench": limit,
        "at_hand": one_trip,
        "at_hand_share": one_trip / limit,
        "forgotten": two_trips,
        "forgotten_share": two_trips / limit,
    }


async def _rate(within: Inside, version: Version) -> float:
    runs = [await within.start(version, graphs.payload(number)) for number in range(RUNS)]
    times = Times()
    async with times.all():
        await crowd(IN_FLIGHT, (partial(within.finish, run, number) for number, run in enumerate(runs)))
    return RUNS * STEPS / times.total


MEASUREMENT = Measurement("transitions", FIGURES, prepare)
