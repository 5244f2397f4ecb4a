"""A backlog on its way to the bus: 10,000 changes of 1,000 runs, and whether each run's arrive in order.

The backlog is made by the engine itself while no relay runs: a run of four branches has told ten changes when it is
over. Then the relay works it off alone, and the stream is read back.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from service.bus.connection import Connection
from service.bus.outgoing import Publisher
from service.bus.streams import ensure_changes_stream
from service.domain.definition import Version
from tests.bench import graphs
from tests.bench.crowd import Times, crowd
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.inside import Inside, inside
from tests.bench.servers import Servers
from tests.bench.streams import Stream, first_disorder, stream

BRANCHES = 4
RUNS = 1000
CHANGES = RUNS * (2 + 2 * BRANCHES)
OF_THE_DEFINITION = 2  # created, and published
IN_FLIGHT = 32

FIGURES = (
    Figure("seconds", "seconds", "10,000 changes of 1,000 runs published", at_most=15),
    Figure("rate", "per second", "changes published"),
    Figure("ordered", "1 is yes", "every run's changes in order, none missing, none twice", at_least=1),
)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("outbox")
    version = await graphs.publish(dsn, graphs.only_branches(BRANCHES))
    async with _bus(servers.nats.url) as bus, stream(servers.nats.url) as changes:
        opened = partial(inside, dsn, Publisher(bus))
        async with opened() as within:
            await _publish(within, changes, OF_THE_DEFINITION)
        yield partial(_round, opened, changes, version)


@asynccontextmanager
async def _bus(url: str) -> AsyncIterator[Connection]:
    bus = Connection(url)
    await bus.open()
    try:
        await ensure_changes_stream(bus)
        yield bus
    finally:
        await bus.close()


async def _round(
    opened: Callable[[], AbstractAsyncContextManager[Inside]], changes: Stream, version: Version
) -> Reading:
    """With an engine of its own: a relay that has stopped does not start again."""
    async with opened() as within:
        await crowd(IN_FLIGHT, (partial(within.start, version, graphs.payload(number)) for number in range(RUNS)))
        seconds = await _publish(within, changes, CHANGES)
    return {"seconds": seconds, "rate": CHANGES / seconds, "ordered": _ordered(await changes.ids())}


def _ordered(ids: list[str]) -> bool:
    """Says what is wrong when something is: a round cannot be had again."""
    disorder = first_disorder(ids)
    if len(ids) != CHANGES or disorder:
        strangers = sorted({change.partition("_")[0] for change in ids} - {"wfr"})
        print(f"outbox: {len(ids)} changes, first out of order: {disorder}, not of runs: {strangers}", file=sys.stderr)
        return False
    return True


async def _publish(within: Inside, changes: Stream, count: int) -> float:
    """Seconds until that many changes are on the bus."""
    await changes.clear()
    times, loop = Times(), within.engine.relay.loop
    async with times.all():
        relaying = asyncio.create_task(loop.run())
        await changes.until_it_holds(count)
    loop.stop()
    await relaying
    return times.total


MEASUREMENT = Measurement("outbox", FIGURES, prepare)
