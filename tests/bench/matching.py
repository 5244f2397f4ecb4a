"""Events among very many triggers and waits: how soon those that match have moved, and how fast the others are let go.

10,000 definitions have triggers and 100,000 runs wait; half of them wait for the very type of the event, for another
value in it. One event matches ten: eight waits and two definitions. The listener, the router and the engine are in this
process, as in the service; the bus and the database are real. Time counts from before the event is published.

Events that match nothing are published first and then worked off, so that the rate is that of the consumer alone.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, LiteralString

import nats
import orjson
import psycopg
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from uuid_utils.compat import uuid7

from service.bus.connection import Connection
from service.bus.feed import consumer_name
from service.bus.listener import Listener, Sink
from service.domain.bus_event import BusEvent
from service.domain.decision import Wait
from service.domain.definition import StepType, Trigger, TriggerType, Version
from service.engine.engine import Engine
from service.engine.ports.work import Work
from tests.bench import graphs
from tests.bench.crowd import Times, crowd
from tests.bench.frame import Figure, Measurement, Reading, Round
from tests.bench.inside import Inside, inside
from tests.bench.servers import Servers
from tests.builders import step, version

TRIGGERS = 10_000
WAITS = 100_000
EVENTS = 20
WAITING, STARTING = 8, 2
UNMATCHED = 4_000
IN_FLIGHT = 32
POLL_SECONDS = 0.01

STREAM = "BENCH"
TYPE = "siphon.tap.bench.deal.won"
PATTERNS = (TYPE, "siphon.tap.*.deal.>")
CORRELATE = {"event": "deal", "run": "input.deal"}

FIGURES = (
    Figure("routed", "ms", "one event among 10,000 triggers and 100,000 waits, routed durably", at_most=15),
    Figure("routed_p99", "ms", "the same, the slowest of a hundred"),
    Figure("moved", "ms", "until all ten runs that it concerns have moved", at_most=100),
    Figure("moved_p99", "ms", "the same, the slowest of a hundred"),
    Figure("unmatched", "per second", "events that match nothing, consumed and acked", at_least=1_000),
)

CROWD: tuple[LiteralString, ...] = (
    """
    insert into workflow_definitions (id, workspace_id, name, description, latest_version, tags)
    select 'wf_crowd_' || n, %(workspace)s, 'crowd ' || n, '', 1, '{}' from generate_series(1, %(triggers)s) n
    """,
    """
    insert into workflow_versions
           (id, definition_id, workspace_id, version, steps, edges, trigger, timeout_seconds, author)
    select 'wfv_crowd_' || n, 'wf_crowd_' || n, workspace_id, 1, steps, edges, trigger, timeout_seconds, author
      from workflow_versions, generate_series(1, %(triggers)s) n
     where definition_id = %(like)s
    """,
    """
    insert into trigger_index (definition_id, workspace_id, version, address, enabled)
    select 'wf_crowd_' || n, %(workspace)s, 1,
           case when n %% 2 = 0 then 'event:siphon.tap.bench.kind-' || n || '.>'
                else 'tap:provider_' || n || '.deal.won' end, true
      from generate_series(1, %(triggers)s) n
    """,
    """
    insert into run_waits (run_id, step_id, address, workspace_id, looked)
    select 'wfr_crowd_' || n, 'wait',
           case when n %% 2 = 0 then 'event:' || %(type)s || '#' || md5(n::text)
                else 'event:siphon.tap.bench.wait-' || n %% 5000 end, %(workspace)s, true
      from generate_series(1, %(waits)s) n
    """,
    "analyze",
)


@dataclass
class Watch:
    """The engine's aftermath, and the listener's sink: tells when an event was routed, and when the runs had moved."""

    engine: Engine
    routed_at: float = 0.0
    moved: int = 0
    moved_at: float = 0.0
    accepted: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, events: Sequence[BusEvent]) -> Sequence[BusEvent]:
        poison = await self.engine.router.accept(events)
        self.routed_at = time.perf_counter()
        self.accepted += len(events)
        return poison

    async def bury(self, subject: str, raw: bytes, headers: Any, reason: str) -> None:
        raise AssertionError(f"{subject} is a dead letter: {reason}")

    def owed(self, work: Sequence[Work], leased_at: float) -> None:
        self.engine.owed(work, leased_at)

    def opened(self, run_id: str, workspace_id: str, waits: Sequence[Wait]) -> None:
        self.engine.opened(run_id, workspace_id, waits)

    def changed(self) -> None:
        """One commit each: what ends a wait ends its run, and a start is one."""
        self.moved += 1
        self.moved_at = time.perf_counter()
        if self.moved == WAITING + STARTING:
            self.done.set()

    def clear(self) -> None:
        self.moved, self.done = 0, asyncio.Event()


@dataclass(frozen=True)
class Scene:
    within: Inside
    watch: Watch
    client: Client
    connection: Connection
    waiting: Version

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """With a listener of its own: one that has stopped does not start again."""
        sink: Sink = self.watch
        listener = Listener(self.connection, [(STREAM, "siphon.tap.>")], sink)
        running = asyncio.create_task(listener.run())
        try:
            yield
        finally:
            listener.stop()
            await running

    async def say(self, event_type: str, deal: str) -> None:
        named = {"specversion": "1.0", "id": str(uuid7()), "type": event_type, "source": "bench"}
        headers = {f"ce-{name}": value for name, value in named.items()} | {"ce-tenantid": graphs.WORKSPACE}
        headers["content-type"] = "application/json"
        body = orjson.dumps({"deal": deal, **graphs.payload(1)})
        await self.client.jetstream().publish(event_type, body, headers=headers)


@asynccontextmanager
async def prepare(servers: Servers) -> AsyncIterator[Round]:
    dsn = await servers.database("matching")
    waiting = await graphs.publish(dsn, wait_for_deal())
    for pattern in PATTERNS:
        drawn = replace(graphs.tasks(1), trigger=Trigger(TriggerType.EVENT, pattern))
        like = await graphs.publish(dsn, drawn)
    await _crowd(dsn, like.definition_id)
    client, connection = await nats.connect(servers.nats.url), Connection(servers.nats.url)
    await connection.open()
    await client.jetstream().add_stream(name=STREAM, subjects=["siphon.tap.>"])
    try:
        async with inside(dsn) as within:
            watch = Watch(within.engine)
            within.engine.advance.aftermath = watch
            starting = asyncio.create_task(within.engine.starter.loop.run())
            yield partial(_round, Scene(within, watch, client, connection, waiting))
            within.engine.starter.loop.stop()
            await starting
    finally:
        await connection.close()
        await client.close()


def wait_for_deal() -> Version:
    config = {"correlate": CORRELATE}
    return version([step("wait", StepType.WAIT_FOR_EVENT, event_type_pattern=TYPE, config=config)])


async def _crowd(dsn: str, like: str) -> None:
    """Those that no event matches, written past the service: there are very many."""
    numbers = {"triggers": TRIGGERS, "waits": WAITS, "workspace": graphs.WORKSPACE, "like": like, "type": TYPE}
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        for statement in CROWD:
            await owner.execute(statement, numbers)


async def _round(scene: Scene) -> Reading:
    routed, moved = await _matched(scene)
    return {
        "routed": routed.milliseconds(0.5),
        "routed_p99": routed.milliseconds(0.99),
        "moved": moved.milliseconds(0.5),
        "moved_p99": moved.milliseconds(0.99),
        "unmatched": UNMATCHED / await _unmatched(scene),
    }


async def _matched(scene: Scene) -> tuple[Times, Times]:
    deals, routed, moved = [f"deal-{uuid7()}" for _ in range(EVENTS)], Times(), Times()
    start = partial(scene.within.start, scene.waiting)
    await crowd(IN_FLIGHT, (partial(start, {"deal": deal}) for deal in deals for _ in range(WAITING)))
    await scene.within.engine.drain()
    async with scene.listening():
        await scene.say("siphon.tap.bench.warm.up", "none")
        await _until_acked(scene)
        for deal in deals:
            scene.watch.clear()
            began = time.perf_counter()
            await scene.say(TYPE, deal)
            await scene.watch.done.wait()
            routed.seconds.append(scene.watch.routed_at - began)
            moved.seconds.append(scene.watch.moved_at - began)
            await scene.within.engine.drain()
    return routed, moved


async def _unmatched(scene: Scene) -> float:
    """Seconds until all that was published is acked."""
    said = (partial(scene.say, f"siphon.tap.bench.other-{number % 50}.seen", "none") for number in range(UNMATCHED))
    await crowd(IN_FLIGHT, said)
    times = Times()
    async with times.all(), scene.listening():
        await _until_acked(scene)
    return times.total


async def _until_acked(scene: Scene) -> None:
    consumer = consumer_name("workflows", "siphon.tap.>")
    while True:
        with suppress(NotFoundError):  # the first listener has not made it yet
            seen = await scene.client.jetstream().consumer_info(STREAM, consumer)
            if not seen.num_pending and not seen.num_ack_pending:
                return
        await asyncio.sleep(POLL_SECONDS)


MEASUREMENT = Measurement("matching", FIGURES, prepare)
