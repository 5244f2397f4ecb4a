"""TransitionStep over gRPC: 32 runs of ten steps in flight, beside the empty call on the same server.

The answer of each call carries the whole run, and the service publishes every change meanwhile; how fast those reach
the bus is measured from the first call until the last change is there.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.bench import graphs
from tests.bench.crowd import Times, crowd, timed
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.outside import Outside, outside
from tests.bench.servers import Servers
from tests.bench.streams import Stream, stream

STEPS = 10
RUNS = 160
IN_FLIGHT = 32
EMPTY_CALLS = 3000
STARTED = 2  # changes: the run, and its first step

FIGURES = (
    Figure("empty", "per second", "empty calls, 32 in flight"),
    Figure("rate", "per second", "TransitionStep, 32 runs in flight"),
    Figure("share", "of empty calls", "TransitionStep, 32 runs in flight", at_least=1 / 3),
    Figure("p50", "ms", "TransitionStep, half are done in"),
    Figure("p99", "ms", "TransitionStep, 99 of 100 are done in"),
    Figure("published", "per second", "changes on the bus meanwhile"),
)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("transition_rpc")
    version = await graphs.publish(dsn, graphs.tasks(STEPS))
    async with outside(servers, dsn) as service, stream(servers.nats.url) as changes:
        yield partial(_round, service, changes, version.definition_id)


async def _round(service: Outside, changes: Stream, definition_id: str) -> Reading:
    empty = await timed(IN_FLIGHT, (service.empty_call for _ in range(EMPTY_CALLS)))
    await changes.clear()
    runs = [(await service.start(definition_id, number)).id for number in range(RUNS)]
    await changes.until_it_holds(STARTED * RUNS)
    began = time.perf_counter()
    calls = await _transitions(service, runs)
    await changes.until_it_holds((STARTED + 2 * STEPS) * RUNS)
    return {
        "empty": empty.rate,
        "rate": calls.rate,
        "share": calls.rate / empty.rate,
        "p50": calls.milliseconds(0.5),
        "p99": calls.milliseconds(0.99),
        "published": 2 * STEPS * RUNS / (time.perf_counter() - began),
    }


async def _transitions(service: Outside, runs: list[str]) -> Times:
    calls = Times()

    async def finish(run_id: str, number: int) -> None:
        for step_id in graphs.task_ids(STEPS):
            with calls.one():
                await service.complete(run_id, step_id, number)

    async with calls.all():
        await crowd(IN_FLIGHT, (partial(finish, run_id, number) for number, run_id in enumerate(runs)))
    return calls


MEASUREMENT = Measurement("transition_rpc", FIGURES, prepare)
