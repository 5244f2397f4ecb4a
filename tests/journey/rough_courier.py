"""How messages reach the bus: quietly, in order and once, or roughly, as they do on the worst of days.

A rough courier says every fifth message twice, under the same id and, where the producer may, under a new one; lets
some overtake others, holds some back, and loses the bus in the middle. Like any producer it sends until the bus has
acknowledged. It counts each fault, so that a test can tell that there was one. What it carries and what siblings say
have dice of their own, so that it carries the same way every time, whatever is said at the same moment.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, Protocol

import pytest
from google.protobuf.message import Message
from nats.errors import Error as NatsError

from service.bus.feed import consumer_name
from service.dev.nats import EmbeddedNats
from service.dev.siblings.changes import STREAMS, Changes
from tests.bus.producers import Sent
from tests.world import World

TWICE = 0.2
LATE = 0.1
LATE_SECONDS = 0.3
WINDOW = 6  # how many places a message may move
AGAIN = " under another id"
REPORTS = {name: consumer_name("workflows", STREAMS[name]) for name in ("objectives_changes", "approvals_events")}


@dataclass(frozen=True)
class Parcel:
    """A message, written anew for each id; `renewable` when its producer may say it again under another one."""

    subject: str
    id: str
    write: Callable[[str], Sent]
    renewable: bool = False


class Courier(Protocol):
    faults: Counter[str]

    async def carry(self, parcels: Sequence[Parcel], *, through: str = "") -> None:
        """Returns when the bus has acknowledged all; goes `through` an outage where it is rough."""
        ...

    async def losing(self, reports: Callable[[], Awaitable[None]]) -> None:
        """Has these reports said; a rough bus loses them with all that it has."""
        ...


@dataclass
class Quiet:
    world: World
    faults: Counter[str] = field(default_factory=Counter)

    async def carry(self, parcels: Sequence[Parcel], *, through: str = "") -> None:
        for parcel in parcels:
            sent = parcel.write(parcel.id)
            await self.world.bus.jetstream().publish(parcel.subject, sent.body, headers=sent.headers or None)

    async def losing(self, reports: Callable[[], Awaitable[None]]) -> None:
        await reports()


@dataclass
class Rough:
    world: World
    bus: EmbeddedNats
    dice: Random
    siblings_dice: Random
    faults: Counter[str] = field(default_factory=Counter)
    in_vain: asyncio.Event = field(default_factory=asyncio.Event)
    calm: bool = False

    async def carry(self, parcels: Sequence[Parcel], *, through: str = "") -> None:
        plan = self._plan(parcels)
        async with asyncio.TaskGroup() as late:
            for number, (parcel, id_) in enumerate(plan):
                if through and number == len(plan) // 2:
                    late.create_task(self._outage())
                if self.dice.random() < LATE:
                    self.faults["late"] += 1
                    late.create_task(self._later(parcel, id_, self.dice.uniform(0, LATE_SECONDS)))
                else:
                    await self._post(parcel, id_)

    async def losing(self, reports: Callable[[], Awaitable[None]]) -> None:
        """The reports are on the bus, acknowledged, and nobody has heard them when its disk is gone."""
        self.calm = True
        await self._hold_back()
        await reports()
        stream = self.world.bus.jetstream()
        for name, consumer in REPORTS.items():
            self.faults[f"lost {name}"] += (await stream.consumer_info(name, consumer)).num_pending or 0
        self.bus.wipe()
        self.faults["wiped"] += 1
        await self._make_streams()
        self.calm = False

    # --- messages

    def _plan(self, parcels: Sequence[Parcel]) -> list[tuple[Parcel, str]]:
        placed: list[tuple[float, int, Parcel, str]] = []
        for place, parcel in enumerate(parcels):
            placed.append((place + self._moved(), place, parcel, parcel.id))
            if self.dice.random() < TWICE:
                placed.append((place + self.dice.uniform(0, WINDOW), place, parcel, self._other_id(parcel)))
        placed.sort(key=lambda one: one[0])
        self.faults["overtaken"] += sum(one[1] > after[1] for one, after in pairwise(placed))
        return [(parcel, id_) for _, _, parcel, id_ in placed]

    def _moved(self) -> float:
        return self.dice.uniform(-WINDOW, WINDOW) if self.dice.random() < 0.5 else 0

    def _other_id(self, parcel: Parcel) -> str:
        if parcel.renewable and self.dice.random() < 0.5:
            self.faults["twice under a new id"] += 1
            return f"{parcel.id}{AGAIN}"
        self.faults["twice under one id"] += 1
        return parcel.id

    async def _later(self, parcel: Parcel, id_: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._post(parcel, id_)

    async def _post(self, parcel: Parcel, id_: str) -> None:
        sent = parcel.write(id_)
        while True:
            try:
                stream = self.world.bus.jetstream(timeout=1)
                await stream.publish(parcel.subject, sent.body, headers=sent.headers or None)
                return
            except (NatsError, TimeoutError, OSError):
                self.faults["sent again"] += 1
                self.in_vain.set()
                await asyncio.sleep(0.05)

    # --- the bus

    async def _outage(self) -> None:
        """Lasts until something was sent in vain."""
        self.faults["killed"] += 1
        self.in_vain.clear()
        self.bus.kill()
        await self.in_vain.wait()
        self.bus.start()

    async def _hold_back(self) -> None:
        """From now on nobody hears a report."""
        until = {"pause_until": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}
        for name, consumer in REPORTS.items():
            subject = f"$JS.API.CONSUMER.PAUSE.{name}.{consumer}"
            answer = json.loads((await self.world.bus.request(subject, json.dumps(until).encode())).data)
            assert answer["paused"], answer

    async def _make_streams(self) -> None:
        """As the services that own them do when they find that they are gone."""
        while True:
            try:
                stream = self.world.bus.jetstream(timeout=1)
                for name, subjects in STREAMS.items():
                    await stream.add_stream(name=name, subjects=[subjects])
                return
            except (NatsError, TimeoutError, OSError):
                await asyncio.sleep(0.05)

    # --- what the siblings say

    @asynccontextmanager
    async def among_siblings(self, patch: pytest.MonkeyPatch) -> AsyncIterator[None]:
        """Their reports overtake each other and come twice, under the new id that they have anyway."""
        publish = Changes.publish

        async def say(seconds: float, changes: Changes, *said: Any) -> None:
            await asyncio.sleep(seconds)
            await publish(changes, *said)

        async def roughly(changes: Changes, source: str, subject: str, tenant: str, message: Message) -> None:
            said = (changes, source, subject, tenant, message)
            if self.calm:
                return await publish(*said)
            again = self.siblings_dice.random() < TWICE
            self.faults["reported twice"] += again
            for _ in range(1 + again):
                saying.create_task(say(self.siblings_dice.uniform(0, LATE_SECONDS), *said))
            return None

        with patch.context() as patched:
            patched.setattr(Changes, "publish", roughly)
            async with asyncio.TaskGroup() as saying:
                yield
