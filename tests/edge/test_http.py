"""The pages over HTTP, and that no garbage hurts them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry, Counter

from service.edge.http import HttpServer

SIBLINGS = {"agents": "configured", "meter": "not configured"}


class Pages(NamedTuple):
    port: int
    ready: dict[str, bool]


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    ready = {"database": True, "bus": True}
    registry = CollectorRegistry()
    Counter("workflows_things", "Things", registry=registry).inc()
    server = HttpServer(lambda: ready, {"agents": True, "meter": False}, registry)
    yield Pages(await server.start(), ready)
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
    assert await get(pages.port, "/healthz?x=1") == (200, b'{"status": "alive"}')


async def test_ready_names_each_dependency_and_says_which_siblings_are_configured(pages: Pages) -> None:
    status, body = await get(pages.port, "/readyz")
    assert (status, json.loads(body)) == (200, {"database": True, "bus": True, "siblings": SIBLINGS})
    pages.ready["bus"] = False
    status, body = await get(pages.port, "/readyz")
    assert (status, json.loads(body)) == (503, {"database": True, "bus": False, "siblings": SIBLINGS})


async def test_metrics(pages: Pages) -> None:
    status, body = await get(pages.port, "/metrics")
    assert status == 200
    assert b"workflows_things_total 1.0" in body


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
