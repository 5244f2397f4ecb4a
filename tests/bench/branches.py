"""A chain of ten branches beside a chain of one: the same trips, the same commits, not much more time.

The branches stand between two human tasks; what is measured is completing the first, which carries the run through the
whole chain to the second. Then runs that are nothing but a chain of ten, started at once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from service.domain.definition import Version
from tests.bench import graphs
from tests.bench.crowd import Times, timed
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.inside import Inside, inside
from tests.bench.servers import Servers

LENGTH = 10
RUNS = 200
CHAINS = 500
IN_FLIGHT = 32

FIGURES = (
    Figure("one", "ms", "through 1 branch"),
    Figure("ten", "ms", "through 10 branches"),
    Figure("time", "of 1 branch", "through 10 branches, time", at_most=3),
    Figure("trips", "of 1 branch", "through 10 branches, round trips", at_most=1),
    Figure("commits", "of 1 branch", "through 10 branches, commits", at_most=1),
    Figure("steps", "per second", "branches in chains of 10, each from start to end"),
)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("branches")
    drawn = graphs.branches(1), graphs.branches(LENGTH), graphs.only_branches(LENGTH)
    one, ten, whole = [await graphs.publish(dsn, version) for version in drawn]
    async with inside(dsn) as within:
        yield partial(_round, within, one, ten, whole)


async def _round(within: Inside, one: Version, ten: Version, whole: Version) -> Reading:
    through_one, trips_of_one, commits_of_one = await _through(within, one)
    through_ten, trips_of_ten, commits_of_ten = await _through(within, ten)
    chains = await timed(IN_FLIGHT, (partial(within.start, whole, graphs.payload(n)) for n in range(CHAINS)))
    return {
        "one": through_one,
        "ten": through_ten,
        "time": through_ten / through_one,
        "trips": trips_of_ten / trips_of_one,
        "commits": commits_of_ten / commits_of_one,
        "steps": chains.rate * LENGTH,
    }


async def _through(within: Inside, version: Version) -> tuple[float, int, int]:
    """Milliseconds of one completion, the median; and the trips and commits of all."""
    runs = [await within.start(version, graphs.payload(number)) for number in range(RUNS)]
    within.pool.count()
    times: Times = await timed(1, (partial(within.complete, run, "task-0", graphs.payload(0)) for run in runs))
    return times.milliseconds(0.5), *within.pool.count()


MEASUREMENT = Measurement("branches", FIGURES, prepare)
