"""A connection, a producer, a sink that can be told to fail, and ways to wait for what they did."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from service.bus.connection import Connection
from service.bus.feed import consumer_name
from service.bus.listener import Listener
from service.dev.nats import EmbeddedNats
from service.domain.bus_event import BusEvent

PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def connected(server: EmbeddedNats) -> AsyncIterator[Connection]:
    connection = Connection(server.url)
    await connection.open()
    try:
        yield connection
    finally:
        await connection.close()


async def say(bus: Connection, subject: str, event_id: str, body: bytes = b"{}") -> None:
    """Publishes a CloudEvent as a sibling would; returns when it is stored."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": subject,
        "ce-source": "other",
        "ce-tenantid": "ws_acme",
        "content-type": "application/json",
    }
    await bus.jetstream.publish(subject, body, headers=headers)


@dataclass
class Grave:
    subject: str
    raw: bytes
    headers: Mapping[str, str]
    reason: str


@dataclass
class FakeSink:
    """Remembers what it was given. `fail` holds the errors of the next calls; `bad` are ids it never takes,
    `clashes` ids it gives back as poison; while `open` is not set, a call waits before it commits."""

    tried: list[list[str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    graves: list[Grave] = field(default_factory=list)
    fail: list[Exception] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    clashes: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.open.set()

    async def accept(self, events: Sequence[BusEvent]) -> Sequence[BusEvent]:
        ids = [event.id for event in events]
        await self._note(self.tried, ids)
        await self.open.wait()
        if self.fail:
            raise self.fail.pop(0)
        if self.bad & set(ids):
            raise RuntimeError("refused")
        clashes = [event for event in events if event.id in self.clashes]
        for event_id in (event_id for event_id in ids if event_id not in self.clashes):
            await self._note(self.kept, event_id)
        return clashes

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        if self.fail:
            raise self.fail.pop(0)
        await self._note(self.graves, Grave(subject, raw, headers, reason))

    async def _note(self, where: list[Any], what: Any) -> None:
        async with self._moved:
            where.append(what)
            self._moved.notify_all()

    async def until(self, *, tried: int = 0, kept: int = 0, graves: int = 0) -> None:
        """Waits until at least so many batches were tried, events kept, graves dug."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._moved:
            await self._moved.wait_for(
                lambda: len(self.tried) >= tried and len(set(self.kept)) >= kept and len(self.graves) >= graves
            )


@asynccontextmanager
async def listening(bus: Connection, stream: str, sink: FakeSink, **options: Any) -> AsyncIterator[Listener]:
    """A listener on `<stream>.>`; leaving waits until it has stopped. What it gives back comes again at once, what it
    only keeps does not while a test lasts: a machine that is slow for a moment must not make one event two."""
    usual = {"ack_wait_seconds": 10 * PATIENCE_SECONDS, "first_delay_seconds": 0.02}
    listener = Listener(bus, [(stream, f"{stream}.>")], sink, **(usual | options))
    running = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        listener.stop()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await running


async def eventually(condition: Callable[[], bool]) -> None:
    """For the few things nobody signals, such as the client's reconnection."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.01)


async def consumer(bus: Connection, stream: str) -> ConsumerInfo:
    info: ConsumerInfo = await bus.jetstream.consumer_info(stream, consumer_name("workflows", f"{stream}.>"))
    return info


async def all_acked(bus: Connection, stream: str) -> None:
    """Asks until the stream has nothing left for the listener; each asking is a round trip."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _has_nothing_left(bus, stream):
            pass


async def _has_nothing_left(bus: Connection, stream: str) -> bool:
    try:
        info = await consumer(bus, stream)
    except NotFoundError:  # the listener has yet to make it
        return False
    return not info.num_pending and not info.num_ack_pending
