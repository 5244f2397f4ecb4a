"""Per-run order, whatever fails; a run that fails holds back only itself."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from service.engine.ports.failures import BusUnavailable
from service.engine.ports.outbox import Unpublished
from service.engine.relay import Relay
from tests.builders import NOW


def change(stream: str, sequence: int) -> Unpublished:
    return Unpublished(stream, sequence, "ws_1", "run", "started", "a", "c", NOW, {}, {})


class FakeOutbox:
    def __init__(self, *changes: Unpublished) -> None:
        self.left = list(changes)
        self.leases: list[float] = []

    async def hold_shards(self, holder: str, lease_seconds: float) -> list[int]:
        self.leases.append(lease_seconds)
        return [0]

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]:
        return self.left[:limit]

    async def mark_published(self, published: Sequence[tuple[str, int]]) -> None:
        self.left = [item for item in self.left if (item.stream, item.sequence) not in published]


class FakeBus:
    """Acks out of step between streams, and fails what it is told to fail, once."""

    def __init__(self, *failing: tuple[str, int]) -> None:
        self.failing = set(failing)
        self.acked: list[tuple[str, int]] = []

    async def publish(self, change: Unpublished) -> None:
        for _ in range(len(change.stream)):
            await asyncio.sleep(0)
        key = (change.stream, change.sequence)
        if key in self.failing:
            self.failing.discard(key)
            raise BusUnavailable("no ack")
        self.acked.append(key)


def relay(outbox: FakeOutbox, bus: Any, clock: list[float]) -> Relay:
    return Relay(outbox, bus, "me", lambda: clock[0])


async def rounds(subject: Relay, count: int) -> None:
    for _ in range(count):
        await subject._round()


async def test_each_stream_is_published_in_its_order() -> None:
    changes = [change(stream, sequence) for stream in ("a", "bbb", "cc") for sequence in (1, 2, 3)]
    outbox, bus = FakeOutbox(*changes), FakeBus()
    await rounds(relay(outbox, bus, [0.0]), 1)
    assert outbox.left == []
    for stream in ("a", "bbb", "cc"):
        assert [sequence for name, sequence in bus.acked if name == stream] == [1, 2, 3]


async def test_a_stream_that_fails_waits_without_holding_back_the_others() -> None:
    changes = [change(stream, sequence) for stream in ("a", "b") for sequence in (1, 2, 3)]
    outbox, bus = FakeOutbox(*changes), FakeBus(("a", 2))
    subject = relay(outbox, bus, [0.0])
    await rounds(subject, 1)
    assert [(item.stream, item.sequence) for item in outbox.left] == [("a", 2), ("a", 3)]
    await rounds(subject, 1)
    assert [sequence for name, sequence in bus.acked if name == "a"] == [1, 2, 3]
    assert subject.counters == {"published": 6, "failed": 1}


async def test_a_bus_that_takes_nothing_is_told_of_once_a_round(caplog: pytest.LogCaptureFixture) -> None:
    changes = [change(f"run_{number}", 1) for number in range(1000)]
    subject = relay(FakeOutbox(*changes), FakeBus(*((item.stream, 1) for item in changes)), [0.0])
    with pytest.raises(BusUnavailable):
        await rounds(subject, 1)
    await rounds(subject, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "publishing run_0.1 is tried again: no ack, and 999 more"
    ]


async def test_when_nothing_can_be_published_the_loop_is_told() -> None:
    outbox = FakeOutbox(change("a", 1))
    with pytest.raises(BusUnavailable):
        await rounds(relay(outbox, FakeBus(("a", 1)), [0.0]), 1)
    assert len(outbox.left) == 1


async def test_the_shards_lease_is_renewed_in_good_time() -> None:
    outbox, clock = FakeOutbox(), [0.0]
    subject = relay(outbox, FakeBus(), clock)
    for now in (0.0, 1.0, 4.9, 5.0, 9.9, 10.0):
        clock[0] = now
        await rounds(subject, 1)
    assert outbox.leases == [15.0] * 3


async def test_a_relay_that_stops_leaves_its_shards_to_others() -> None:
    outbox = FakeOutbox()
    await relay(outbox, FakeBus(), [0.0]).let_go()
    assert outbox.leases == [0.0]
