"""The pages over HTTP, and that no garbage hurts them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from service.edge.server import http
from service.edge.server.http import MAX_CONNECTIONS, HttpServer, Readiness
from tests.world import PATIENCE_SECONDS


class Pages(NamedTuple):
    port: int
    told: dict[str, bool]
    scrapes: list[bytes]


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    told = {"database": True, "bus": True}
    scrapes: list[bytes] = []

    def scrape() -> bytes:
        scrapes.append(b"workflows_things_total 1.0")
        return scrapes[-1]

    server = HttpServer(lambda: Readiness(all(told.values()), told), scrape)
    yield Pages(await server.start(), told, scrapes)
    await server.stop()


async def ask(port: int, raw: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]) if head else 0, body


async def get(port: int, path: str) -> tuple[int, bytes]:
    return await ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def test_alive(pages: Pages) -> None:
    assert await get(pages.port, "/healthz?x=1") == (200, b'{\n  "status": "alive"\n}\n')


async def test_ready_tells_why_or_why_not(pages: Pages) -> None:
    status, body = await get(pages.port, "/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "database": True, "bus": True})
    pages.told["bus"] = False
    status, body = await get(pages.port, "/readyz")
    assert (status, json.loads(body)) == (503, {"ready": False, "database": True, "bus": False})


async def test_asking_for_the_metrics_at_once_again_costs_nothing(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FRESH_SECONDS", PATIENCE_SECONDS)
    answers = [await get(pages.port, "/metrics") for _ in range(3)]
    assert answers == [(200, b"workflows_things_total 1.0")] * 3
    assert len(pages.scrapes) == 1


async def test_silent_connections_keep_nobody_out(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes for each that comes; the others may still ask."""
    monkeypatch.setattr(http, "MAX_SECONDS", PATIENCE_SECONDS)
    silent = [await asyncio.open_connection("127.0.0.1", pages.port) for _ in range(MAX_CONNECTIONS)]
    assert [(await get(pages.port, "/readyz"))[0] for _ in range(2)] == [200, 200]
    with suppress(ConnectionError):
        assert await silent[0][0].read() == b""
    reader, writer = silent[-1]
    writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    for _, each in silent:
        each.transport.abort()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"POST /healthz HTTP/1.1\r\n\r\n", 405, id="not a GET"),
        pytest.param(b"GET /other HTTP/1.1\r\n\r\n", 404, id="no such page"),
        pytest.param(b"\x16\x03\x01\x00\xff\r\n\r\n", 400, id="a TLS client"),
        pytest.param(b"GET\r\n\r\n", 400, id="half a line"),
        pytest.param(b"GET /healthz SPDY/9\r\n\r\n", 400, id="another protocol"),
        pytest.param(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 0, id="endless"),
    ],
)
async def test_garbage(pages: Pages, raw: bytes, status: int) -> None:
    try:
        assert (await ask(pages.port, raw))[0] == status
    except ConnectionError:
        assert status == 0
    assert (await get(pages.port, "/healthz"))[0] == 200


async def test_a_caller_that_hangs_up_early(pages: Pages) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", pages.port)
    writer.write(b"GET /hea")
    writer.close()
    await writer.wait_closed()
    assert (await get(pages.port, "/healthz"))[0] == 200
