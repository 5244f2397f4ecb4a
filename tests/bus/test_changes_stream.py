"""The stream of our changes under our hands: trusted until something may have happened to it, and only then."""

from collections.abc import AsyncIterator

import pytest

from service.bus.connection import Connection
from service.bus.streams import CHANGES_STREAM, KEPT_SECONDS, ChangesStream
from service.dev.nats import EmbeddedNats
from service.domain.stream import is_whole
from service.engine.ports.failures import BusUnavailable
from tests.bus.helpers import PATIENCE_SECONDS, connected, eventually

SUBJECT = "workflows.changes.run.started"


@pytest.fixture
async def bus(own_nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with connected(own_nats) as connection:
        yield connection


async def trusted(bus: Connection) -> ChangesStream:
    stream = ChangesStream(bus, ack_seconds=PATIENCE_SECONDS)
    stream.trust(await stream.look())
    return stream


async def publish(stream: ChangesStream, *numbers: int) -> None:
    for number in numbers:
        await stream.publish(SUBJECT, {"Nats-Msg-Id": str(number)}, b"{}")


async def test_a_missing_stream_is_made_by_looking(bus: Connection) -> None:
    stream = ChangesStream(bus)
    assert not stream.sure
    seen = await stream.look()
    info = await bus.jetstream.stream_info(CHANGES_STREAM)
    assert (seen.mark.stream, seen.mark.created_at, seen.mark.last_sequence) == (CHANGES_STREAM, info.created, 0)
    assert (seen.kept_seconds, seen.trusted) == (KEPT_SECONDS, None)
    stream.trust(seen)
    assert stream.sure


async def test_what_it_acknowledged_is_known(bus: Connection) -> None:
    stream = await trusted(bus)
    await publish(stream, 1, 2, 2)
    seen = await stream.look()
    assert seen.mark == seen.trusted
    assert seen.mark.last_sequence == 2
    assert stream.sure


async def test_the_time_of_its_last_message(bus: Connection) -> None:
    stream = await trusted(bus)
    empty = await stream.look()
    await publish(stream, 1)
    one = await stream.look()
    at = await stream.last_at(one)
    assert at is not None
    assert at > one.mark.created_at
    assert await stream.last_at(empty) is None
    await bus.jetstream.purge_stream(CHANGES_STREAM)
    assert await stream.last_at(one) is None


async def test_a_deleted_stream_is_noticed_by_the_next_message(bus: Connection) -> None:
    stream = await trusted(bus)
    await publish(stream, 1, 2)
    await bus.jetstream.delete_stream(CHANGES_STREAM)
    with pytest.raises(BusUnavailable):
        await publish(stream, 3)
    assert not stream.sure
    seen = await stream.look()
    assert seen.trusted is not None
    assert not is_whole(seen.trusted, seen.mark)


async def test_a_stream_that_somebody_made_anew_is_noticed_by_its_numbers(bus: Connection) -> None:
    stream = await trusted(bus)
    await publish(stream, 1, 2)
    await bus.jetstream.delete_stream(CHANGES_STREAM)
    await ChangesStream(bus).look()
    await publish(stream, 3)
    assert not stream.sure


async def test_a_new_connection_has_to_look_first(bus: Connection, own_nats: EmbeddedNats) -> None:
    stream = await trusted(bus)
    await publish(stream, 1)
    before = bus.session
    own_nats.wipe()
    await eventually(lambda: bus.connected and bus.session != before)
    assert not stream.sure
    with pytest.raises(BusUnavailable, match="not looked at"):
        await publish(stream, 2)
    seen = await stream.look()
    assert seen.trusted is not None
    assert not is_whole(seen.trusted, seen.mark)
    stream.trust(seen)
    await publish(stream, 1, 2)
    assert stream.sure


async def test_without_a_bus_it_says_so(bus: Connection, own_nats: EmbeddedNats) -> None:
    stream = await trusted(bus)
    await publish(stream, 1)
    seen = await stream.look()
    own_nats.kill()
    await eventually(lambda: not bus.connected)
    with pytest.raises(BusUnavailable):
        await publish(stream, 2)
    with pytest.raises(BusUnavailable):
        await stream.look()
    with pytest.raises(BusUnavailable):
        await stream.last_at(seen)
