"""Messages that no client of ours would send, written to the server's socket by hand."""

import asyncio

import pytest

from service.bus.connection import Connection
from service.bus.feed import consumer_name
from service.dev.nats import EmbeddedNats
from tests.bus.helpers import PATIENCE_SECONDS, FakeSink, all_acked, listening, say


def _with_headers(subject: bytes, headers: bytes) -> bytes:
    return b"HPUB %b %d %d\r\n%b{}\r\n" % (subject, len(headers), len(headers) + 2, headers)


async def _write(server: EmbeddedNats, lines: bytes) -> None:
    """Returns when the server has taken them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n' + lines + b"PING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "line",
    [
        b"PUB %b.\xff 2\r\n{}\r\n",
        _with_headers(b"%b.x", b"x"),
        _with_headers(b"%b.x", b"NATS/1.0"),
        _with_headers(b"%b.x", b"NATS/1.0\r\nce-id: \xff\r\nno colon\r\n\xff: x\r\n\r\n"),
        b"PUB _INBOX.%b \xff 2\r\n{}\r\n",
        _with_headers(b"_INBOX.%b", b"NATS/1.0 \xff\r\n\r\n"),
    ],
)
async def test_the_listener_reads_on(bus: Connection, stream: str, nats_server: EmbeddedNats, line: bytes) -> None:
    sink = FakeSink()
    inbox = f"{stream}.{consumer_name('workflows', f'{stream}.>')}"
    async with listening(bus, stream, sink) as listener:
        await say(bus, f"{stream}.x", "before")
        await sink.until(kept=1)
        await _write(nats_server, line % (inbox if b"_INBOX" in line else stream).encode())
        await say(bus, f"{stream}.x", "after")
        await sink.until(kept=2, graves=1)
        await all_acked(bus, stream)
    assert [(grave.reason, grave.raw) for grave in sink.graves] == [("unknown_shape", b"{}")]
    assert listener.counters["returned"] == 0


@pytest.mark.parametrize(
    ("sent", "read"), [("plain", "plain"), ("a blank, ä", "a blank, ä"), ("a\r\nce-id: b", "a  ce-id: b"), ("", "")]
)
async def test_a_header_never_breaks_out_of_its_line(bus: Connection, stream: str, sent: str, read: str) -> None:
    subscription = await bus.client.subscribe(f"{stream}.x")
    await bus.client.publish(f"{stream}.x", b"{}", headers={"ce-id": "1", "ce-actor": sent, "ce-source": "tests"})
    message = await subscription.next_msg(timeout=PATIENCE_SECONDS)
    await subscription.unsubscribe()
    assert message.headers == {"ce-id": "1", "ce-actor": read, "ce-source": "tests"}
    assert message.data == b"{}"
