"""Acked after the commit, given back on failure, buried when hopeless; streams may come late and servers may go."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from service.bus import batches
from service.bus.batches import MAX_TRIES
from service.bus.connection import Connection
from service.bus.incoming import parse
from service.bus.listener import Listener
from service.dev.nats import EmbeddedNats
from service.domain.bus_event import BusEvent
from service.engine.ports.failures import StoreUnavailable
from tests.bus.helpers import FakeSink, all_acked, connected, consumer, eventually, listening, say


async def _say_all(bus: Connection, stream: str, count: int, prefix: str = "e") -> set[str]:
    ids = [f"{prefix}{number}" for number in range(count)]
    await asyncio.gather(*(say(bus, f"{stream}.x", event_id) for event_id in ids))
    return set(ids)


async def test_nothing_is_acked_before_the_commit(bus: Connection, stream: str) -> None:
    sink = FakeSink()
    sink.open.clear()
    async with listening(bus, stream, sink):
        await _say_all(bus, stream, 3)
        await sink.until(tried=1)
        waiting = await consumer(bus, stream)
        assert waiting.num_ack_pending
        assert waiting.ack_floor is not None
        assert waiting.ack_floor.stream_seq == 0
        sink.open.set()
        await sink.until(kept=3)
        await all_acked(bus, stream)
    assert sorted(sink.kept) == ["e0", "e1", "e2"]


async def test_what_is_pending_comes_in_batches_of_fifty(bus: Connection, stream: str) -> None:
    sink = FakeSink()
    ids = await _say_all(bus, stream, 130)
    sink.open.clear()
    async with listening(bus, stream, sink) as listener:
        await sink.until(tried=1)
        await _delivered(bus, stream, 130)
        sink.open.set()
        await sink.until(kept=130)
        await all_acked(bus, stream)
    assert set(sink.kept) == ids
    assert max(map(len, sink.tried)) == 50
    assert listener.counters["accepted"] == 130


async def test_the_lag_is_what_nobody_has_acked(bus: Connection, stream: str) -> None:
    sink = FakeSink()
    sink.open.clear()
    await _say_all(bus, stream, 7)
    async with listening(bus, stream, sink) as listener:
        await sink.until(tried=1)
        assert listener.lag() == {(stream, f"{stream}.>"): 7}
        sink.open.set()
        await eventually(lambda: listener.lag() == {(stream, f"{stream}.>"): 0})


async def test_a_stream_that_is_not_there_has_no_lag(bus: Connection) -> None:
    async with listening(bus, "nowhere", FakeSink()) as listener:
        assert listener.lag() == {}


async def _delivered(bus: Connection, stream: str, count: int) -> None:
    while (await consumer(bus, stream)).num_ack_pending != count:
        pass


async def test_without_a_store_events_go_back_and_come_again(bus: Connection, stream: str) -> None:
    sink = FakeSink(fail=[StoreUnavailable("away"), StoreUnavailable("still away")])
    async with listening(bus, stream, sink) as listener:
        await say(bus, f"{stream}.x", "e")
        await sink.until(kept=1)
        await all_acked(bus, stream)
    assert sink.tried == [["e"], ["e"], ["e"]]
    assert listener.counters["returned"] == 2


async def test_a_refused_batch_is_tried_one_by_one(bus: Connection, stream: str) -> None:
    sink = FakeSink(bad={"e7"})
    ids = await _say_all(bus, stream, 20)
    async with listening(bus, stream, sink, first_delay_seconds=0.001):
        await sink.until(kept=19, graves=1)
        await all_acked(bus, stream)
    assert set(sink.kept) == ids - {"e7"}
    (grave,) = sink.graves
    assert (grave.reason, grave.headers["ce-id"]) == ("undeliverable", "e7")
    assert sum("e7" in batch for batch in sink.tried) >= MAX_TRIES


async def test_poison_is_buried_with_its_bytes_and_acked(bus: Connection, stream: str) -> None:
    sink = FakeSink()
    async with listening(bus, stream, sink) as listener:
        await bus.jetstream.publish(f"{stream}.x", b'{"specversion":"1.0"}', headers={"trace": "t"})
        await bus.jetstream.publish(f"{stream}.y", b"\0\xff")
        await say(bus, f"{stream}.z", "good")
        await sink.until(kept=1, graves=2)
        await all_acked(bus, stream)
    first, second = sorted(sink.graves, key=lambda grave: grave.subject)
    assert (first.subject, first.raw, first.reason) == (f"{stream}.x", b'{"specversion":"1.0"}', "missing_id")
    assert first.headers["trace"] == "t"
    assert (second.raw, second.reason) == (b"\0\xff", "unknown_shape")
    assert listener.counters["buried"] == 2


async def test_a_message_that_breaks_the_reader_is_buried(
    bus: Connection, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FakeSink()

    def fragile(subject: str, headers: Mapping[str, str], body: bytes) -> BusEvent:
        if body == b"[]":
            raise ZeroDivisionError
        return parse(subject, headers, body)

    monkeypatch.setattr(batches, "parse", fragile)
    async with listening(bus, stream, sink):
        await bus.jetstream.publish(f"{stream}.x", b"[]")
        await say(bus, f"{stream}.x", "good")
        await sink.until(kept=1, graves=1)
        await all_acked(bus, stream)
    assert (sink.graves[0].reason, sink.graves[0].raw) == ("unreadable", b"[]")


async def test_an_id_that_came_with_another_body_is_buried_with_its_bytes(bus: Connection, stream: str) -> None:
    sink = FakeSink(clashes={"e1"})
    async with listening(bus, stream, sink) as listener:
        await _say_all(bus, stream, 3)
        await sink.until(kept=2, graves=1)
        await all_acked(bus, stream)
    assert sorted(sink.kept) == ["e0", "e2"]
    assert sink.graves[0].reason == "id_reused"
    assert sink.graves[0].raw
    assert listener.counters["accepted"] == 2


async def test_poison_that_cannot_be_buried_comes_again(bus: Connection, stream: str) -> None:
    sink = FakeSink(fail=[StoreUnavailable("away")])
    async with listening(bus, stream, sink):
        await bus.jetstream.publish(f"{stream}.x", b"\xff")
        await sink.until(graves=1)
        await all_acked(bus, stream)


async def test_binds_as_soon_as_the_stream_exists_and_says_so_once(
    bus: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    sink = FakeSink()
    with caplog.at_level(logging.INFO, "service.bus.feed"):
        async with listening(bus, "late", sink):
            await eventually(lambda: "stream late is not there yet" in caplog.text)
            await bus.jetstream.add_stream(name="late", subjects=["late.>"])
            await say(bus, "late.x", "e")
            await sink.until(kept=1)
    await bus.jetstream.delete_stream("late")
    assert [record.getMessage() for record in caplog.records] == [
        "stream late is not there yet",
        "stream late is followed",
    ]


async def test_our_own_changes_are_heard_where_they_are_asked_for(bus: Connection, no_changes_stream: None) -> None:
    sink = FakeSink()
    await bus.jetstream.add_stream(name="everything", subjects=["workflows.changes.>", "everything.>"])
    try:
        listener = Listener(bus, [("everything", "workflows.changes.>")], sink)
        running = asyncio.create_task(listener.run())
        await say(bus, "everything.x", "theirs")
        await say(bus, "workflows.changes.run.started", "ours")
        await sink.until(kept=1)
        listener.stop()
        await running
    finally:
        await bus.jetstream.delete_stream("everything")
    assert sink.kept == ["ours"]


async def test_replicas_share_a_stream(bus: Connection, stream: str, nats_server: EmbeddedNats) -> None:
    one, two = FakeSink(), FakeSink()
    async with connected(nats_server) as other, listening(bus, stream, one), listening(other, stream, two):
        ids = await _say_all(bus, stream, 200)
        await all_acked(bus, stream)
    assert sorted(one.kept + two.kept) == sorted(ids)


async def test_stopping_finishes_the_batch_in_hand_and_gives_back_the_rest(bus: Connection, stream: str) -> None:
    sink, heir = FakeSink(), FakeSink()
    ids = await _say_all(bus, stream, 120)
    sink.open.clear()
    async with listening(bus, stream, sink) as listener:
        await sink.until(tried=1)
        await _delivered(bus, stream, 120)
        listener.stop()
        sink.open.set()
    assert len(sink.tried) == 1
    async with listening(bus, stream, heir):
        await heir.until(kept=120 - len(sink.kept))
        await all_acked(bus, stream)
    assert set(sink.kept) | set(heir.kept) == ids
    assert not set(sink.kept) & set(heir.kept)


async def test_what_arrives_as_it_stops_is_taken_or_given_back(
    bus: Connection, stream: str, nats_server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, heir, arrived = FakeSink(), FakeSink(), asyncio.Event()
    async with connected(nats_server) as other:
        async with listening(bus, stream, sink) as listener:
            await eventually(lambda: listener.lag() == {(stream, f"{stream}.>"): 0})
            process = bus.client._process_msg

            async def process_and_stop(sid: int, subject: bytes, *rest: Any) -> None:
                await process(sid, subject, *rest)
                if subject.startswith(stream.encode()):
                    listener.stop()
                    arrived.set()

            monkeypatch.setattr(bus.client, "_process_msg", process_and_stop)
            await say(other, f"{stream}.x", "e")
            await arrived.wait()
        async with listening(other, stream, heir):
            await heir.until(kept=1 - len(sink.kept))
            await all_acked(other, stream)
    assert sink.kept + heir.kept == ["e"]


async def test_a_restart_of_the_server_loses_nothing(own_nats: EmbeddedNats) -> None:
    sink = FakeSink()
    async with connected(own_nats) as bus:
        await bus.jetstream.add_stream(name="objectives", subjects=["objectives.>"])
        async with listening(bus, "objectives", sink, ack_wait_seconds=2.0):  # what was on its way comes again
            before = await _say_all(bus, "objectives", 5, "before")
            sink.open.clear()
            await sink.until(tried=1)
            own_nats.kill()
            own_nats.start()
            sink.open.set()
            await _connected_again(bus)
            after = await _say_all(bus, "objectives", 5, "after")
            await sink.until(kept=10)
            await all_acked(bus, "objectives")
    assert set(sink.kept) == before | after


async def test_a_stream_made_anew_is_followed_again(own_nats: EmbeddedNats) -> None:
    sink = FakeSink()
    async with connected(own_nats) as bus:
        await bus.jetstream.add_stream(name="objectives", subjects=["objectives.>"])
        async with listening(bus, "objectives", sink):
            await say(bus, "objectives.x", "before")
            await sink.until(kept=1)
            own_nats.wipe()
            await _connected_again(bus)
            await bus.jetstream.add_stream(name="objectives", subjects=["objectives.>"])
            await say(bus, "objectives.x", "after")
            await sink.until(kept=2)


async def _connected_again(bus: Connection) -> None:
    """Lets the client notice that its server went and came back."""
    await eventually(lambda: bus.connected and bus.client.stats["reconnects"] > 0)
