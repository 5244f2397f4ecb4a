"""Where each metric is read from: one line per metric, over what the parts of the service keep anyway."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypeVar

from service.bus.listener import Listener
from service.domain.calls import SIBLINGS
from service.domain.retention import Obstacle
from service.edge.rpc.meter import RpcMeter
from service.edge.server.health import Health
from service.engine.engine import Engine
from service.engine.loop import Loop
from service.engine.purging import Purger
from service.engine.rewind import RewindingOutbox
from service.engine.scheduler import Scheduler
from service.instruments import Durations
from service.observing import metrics as m
from service.observing.census import KeptCounts
from service.observing.exposition import Source, Values
from service.observing.loop_lag import LoopLag
from service.observing.metrics import Metric
from service.siblings import SiblingClients
from service.siblings.breaker import BreakerState
from service.siblings.sibling import Sibling
from service.store.census import Counts
from service.store.pool import Pool, PoolUse

T = TypeVar("T")

BREAKER = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is looked at."""

    engine: Engine
    scheduler: Scheduler
    retention: Purger
    listener: Listener
    outbox: RewindingOutbox
    siblings: SiblingClients
    pools: Mapping[str, Pool]
    rpc: RpcMeter
    health: Health
    census: KeptCounts
    loop_lag: LoopLag


def sources(seen: Observed) -> Iterator[Source]:
    yield from _counted(seen.census)
    yield from _path(seen.engine)
    yield from _effects(seen.engine)
    yield from _siblings(seen.siblings)
    yield from _events(seen)
    yield from _outbox(seen)
    yield from _pools(seen.pools)
    yield from _loops((*seen.engine.loops, seen.scheduler.loop, seen.retention.loop), seen.loop_lag)
    yield from _retention(seen.retention)
    yield from _rpc(seen.rpc)
    yield from _process(seen.health)


def _counted(census: KeptCounts) -> Iterator[Source]:
    def of(read: Callable[[Counts], Values]) -> Callable[[], Values]:
        return lambda: read(census.counts) if census.counts else {}

    yield m.RUNS, of(lambda counts: _keyed(counts.runs))
    yield m.STEPS, of(lambda counts: _keyed(counts.steps))
    yield m.TASKS, of(lambda counts: {(): counts.open_tasks})
    yield m.TIMERS_OVERDUE, of(lambda counts: {(): counts.timers_seconds})
    yield m.EFFECTS_OWED, of(lambda counts: {(): counts.effects})
    yield m.EFFECTS_OVERDUE, of(lambda counts: {(): counts.effects_seconds})
    yield m.STARTS_OVERDUE, of(lambda counts: {(): counts.starts_seconds})
    yield m.SCHEDULES_OVERDUE, of(lambda counts: {(): counts.schedules_seconds})
    yield m.LETTERS_WAITING, of(lambda counts: {(): counts.dead_letters})
    yield m.UNPUBLISHED, of(lambda counts: {(): counts.unpublished})
    yield m.UNPUBLISHED_AGE, of(lambda counts: {(): counts.unpublished_seconds})
    yield m.CENSUS_AGE, lambda: {} if census.age is None else {(): census.age}
    yield _one(m.CENSUS_TOOK, lambda: census.took)


def _path(engine: Engine) -> Iterator[Source]:
    advance, tally = engine.advance, engine.advance.tally
    yield m.TRANSITIONS, lambda: _labelled(tally.transitions)
    yield _one(m.COMMANDS, lambda: tally.commands)
    yield _one(m.FOLDED, lambda: tally.folded)
    yield _one(m.FENCE_MISSES, lambda: advance.counters["fence_missed"])
    yield _one(m.ABORTED, lambda: advance.counters["aborted"])
    yield m.DECIDE, lambda: {(): tally.deciding}
    yield m.APPLY, lambda: {(): tally.applying}
    yield _one(m.REMEMBERED, lambda: len(advance.recent))


def _effects(engine: Engine) -> Iterator[Source]:
    dispatcher = engine.dispatcher
    yield _one(m.EFFECTS_IN_HAND, lambda: len(dispatcher.tasks))
    yield m.EFFECTS, lambda: _labelled(dispatcher.answered)
    yield m.REPEATED, lambda: _keyed(dispatcher.repeated)
    yield _one(m.TAKEOVERS, lambda: dispatcher.counters["taken_over"])
    yield _one(m.TOO_LOW, lambda: dispatcher.counters["lease_too_low"])


def _siblings(clients: SiblingClients) -> Iterator[Source]:
    def of(read: Callable[[Sibling], float]) -> Callable[[], Values]:
        return lambda: {(name,): read(sibling) for name, sibling in clients.configured.items()}

    yield (
        m.CALLS,
        lambda: {
            (name, outcome): durations
            for name, sibling in clients.configured.items()
            for outcome, durations in sibling.calls.items()
        },
    )
    yield m.CONFIGURED, lambda: {(name,): name in clients.configured for name in SIBLINGS}
    yield m.BREAKER, of(lambda sibling: BREAKER[sibling.breaker.state])
    yield m.OPENINGS, of(lambda sibling: sibling.breaker.openings)
    yield m.REFUSALS, of(lambda sibling: sibling.breaker.refusals)


def _events(seen: Observed) -> Iterator[Source]:
    engine, listener = seen.engine, seen.listener
    yield m.MESSAGES, lambda: _words(listener.counters, "accepted", "buried", "returned")
    yield m.EVENTS, lambda: _words(engine.router.counters, "fresh", "unrouted", "done", "clash")
    yield _one(m.SWEPT, lambda: engine.router.counters["swept"])
    yield m.LAG, lambda: _labelled(listener.lag())
    yield m.LETTERS, lambda: _keyed(engine.router.buried)
    yield m.STARTS, lambda: _keyed({what: n for what, n in engine.starter.counters.items() if what != "claimed"})
    yield m.TICKS, lambda: _words(seen.scheduler.counters, "started", "missed", "skipped")


def _outbox(seen: Observed) -> Iterator[Source]:
    relay = seen.engine.relay
    yield _one(m.SHARDS, lambda: relay.shards)
    yield _one(m.PUBLISHED, lambda: relay.counters["published"])
    yield _one(m.PUBLISH_FAILURES, lambda: relay.counters["failed"])
    yield _one(m.REPUBLISHED, lambda: seen.outbox.given_again)


def _pools(pools: Mapping[str, Pool]) -> Iterator[Source]:
    def of(read: Callable[[PoolUse], float]) -> Callable[[], Values]:
        return lambda: {(name,): read(pool.use) for name, pool in pools.items()}

    yield m.POOL_MOST, of(lambda use: use.most)
    yield m.POOL_SIZE, of(lambda use: use.size)
    yield m.POOL_IN_USE, of(lambda use: use.in_use)
    yield m.POOL_WAITING, of(lambda use: use.waiting)
    yield m.POOL_REQUESTS, of(lambda use: use.requests)
    yield m.POOL_WAITS, of(lambda use: use.waits)
    yield m.POOL_WAIT, of(lambda use: use.wait_seconds)
    yield m.POOL_REFUSED, of(lambda use: use.refused)
    yield m.POOL_LOST, of(lambda use: use.lost)


def _loops(loops: Iterable[Loop], lag: LoopLag) -> Iterator[Source]:
    all_of_them = tuple(loops)

    def of(read: Callable[[Loop], float]) -> Callable[[], Values]:
        return lambda: {(loop.name,): read(loop) for loop in all_of_them}

    yield m.ROUNDS, of(lambda loop: loop.rounds)
    yield m.LOOP_FAILURES, of(lambda loop: loop.failed_rounds)
    yield m.LOOP_FAILING, of(lambda loop: loop.failures_in_a_row)
    yield m.EVENT_LOOP_LAG, lambda: {(): lag.late}


def _retention(retention: Purger) -> Iterator[Source]:
    yield _one(m.PURGED, lambda: retention.counters["purged_runs"])
    yield m.LEFT, lambda: _keyed({why.value: retention.left[why] for why in Obstacle})


def _rpc(meter: RpcMeter) -> Iterator[Source]:
    yield m.RPC, lambda: _labelled(meter.calls)
    yield _one(m.RPC_OPEN, lambda: meter.calls_open.count)
    yield m.RPC_STREAMS, lambda: _labelled(meter.streams)
    yield _one(m.RPC_STREAMS_OPEN, lambda: meter.streams_open.count)


def _process(health: Health) -> Iterator[Source]:
    build: Values = {(version("workflows-service"), platform.python_version()): 1.0}
    yield m.BUILD, lambda: build
    yield _one(m.READY, lambda: health.ready)
    yield m.UP, lambda: {(name,): standing.found.ok for name, standing in health.standings.items()}
    yield m.LATENCY, lambda: {(name,): standing.seconds for name, standing in health.standings.items()}


def _one(metric: Metric, read: Callable[[], float]) -> Source:
    return metric, lambda: {(): read()}


def _keyed(values: Mapping[str, float]) -> Values:
    return {(word,): value for word, value in values.items()}


def _labelled(values: Mapping[tuple[str, str], float] | Mapping[tuple[str, str], Durations]) -> Values:
    return {(*key,): value for key, value in values.items()}


def _words(values: Mapping[str, int], *words: str) -> Values:
    """All of them, so that a series is there before the first is counted."""
    return {(word,): values.get(word, 0) for word in words}
