"""Connected when it can be, known when it is not, and closed in time whatever the server does."""

import asyncio
import logging

import pytest

from service.bus import connection as connection_module
from service.bus.connection import CLOSE_SECONDS, Connection
from service.dev.nats import EmbeddedNats
from service.dev.siblings.changes import Changes
from service.engine.ports.failures import BusUnavailable
from tests.bus.helpers import PATIENCE_SECONDS, connected, eventually
from tests.tunnel import tunnel


async def test_waits_for_a_server_that_is_not_there_yet(caplog: pytest.LogCaptureFixture) -> None:
    server = EmbeddedNats()
    connection = Connection(f"nats://user:secret@127.0.0.1:{server.port}")
    opening = asyncio.create_task(connection.open())
    try:
        with caplog.at_level(logging.INFO, "service.bus.connection"):
            await eventually(lambda: "NATS at 127.0.0.1" in caplog.text)
            assert not opening.done()
            with pytest.raises(BusUnavailable):
                _ = connection.jetstream
            server.start()
            await opening
            assert connection.connected
    finally:
        opening.cancel()
        await connection.close()
        server.close()
    assert "secret" not in caplog.text


async def test_reconnects_and_says_each_change_once(own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "service.bus.connection"):
        async with connected(own_nats) as connection:
            own_nats.kill()
            await eventually(lambda: not connection.connected)
            own_nats.start()
            await eventually(lambda: _said(caplog).count("connected") == 2)
            assert connection.connected
    lines = _said(caplog)
    assert lines.count("connection lost, reconnecting") == 1
    assert lines.count("connected") == 2
    assert len(lines) == len(set(lines)) + 1


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(": ")[2] for record in caplog.records]


async def test_a_server_that_vanished_without_a_word_is_left(
    own_nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one in its place, which answers, is found without anybody's doing."""
    monkeypatch.setattr(connection_module, "PING_SECONDS", 0.5)
    async with tunnel(own_nats.port) as way_there:
        connection = Connection(f"nats://127.0.0.1:{way_there.port}")
        await connection.open()
        before = connection.session
        way_there.silence()
        await eventually(lambda: connection.session not in (before, None))
        await connection.jetstream.account_info()
        await connection.close()


async def test_a_session_that_the_server_ends_is_opened_anew(own_nats: EmbeddedNats) -> None:
    async with connected(own_nats) as connection:
        first = connection.client
        await first._process_err("'User Authentication Expired'")
        await eventually(lambda: connection.connected and connection.client is not first)
        await connection.client.flush()


async def test_closes_in_time_when_the_server_is_gone(own_nats: EmbeddedNats) -> None:
    async with connected(own_nats) as connection:
        own_nats.kill()
        async with asyncio.timeout(2 * CLOSE_SECONDS + 20):
            await connection.close()
    assert not connection.connected


async def test_closes_with_words_that_a_server_never_got(own_nats: EmbeddedNats) -> None:
    """The simulated siblings, too."""
    siblings = Changes(own_nats.url)
    await siblings.start()
    async with connected(own_nats) as ours:
        clients = (ours.client, siblings._client)
        own_nats.kill()
        await eventually(lambda: not any(client.is_connected for client in clients))
        for client in clients:
            await client.publish("closing.x", b"kept for when it is back")
        await siblings.stop()
        await ours.close()
    assert all(client.is_closed for client in clients)


async def test_closing_sends_what_is_still_to_be_sent(nats_server: EmbeddedNats) -> None:
    async with connected(nats_server) as reader:
        subscription = await reader.client.subscribe("closing.>")
        await reader.jetstream.account_info()  # answered: the subscription, which came before, is there
        async with connected(nats_server) as writer:
            for number in range(100):
                await writer.client.publish("closing.x", str(number).encode())
        received = [(await subscription.next_msg(timeout=PATIENCE_SECONDS)).data for _ in range(100)]
        await subscription.unsubscribe()
    assert received == [str(number).encode() for number in range(100)]


async def test_closing_what_never_opened_is_nothing() -> None:
    await Connection("nats://127.0.0.1:1").close()
