"""The few pages a platform asks for over HTTP: /healthz, /readyz, /metrics.

/healthz says that the process lives, /readyz whether it is ready and how its dependencies do (503 when it is not
ready; siblings are for information: a missing one fails steps, not the service), /metrics is for Prometheus. Every page
is made of what this process knows already, so none waits for a dependency. One request per connection, small and short:
whatever else arrives is a bad request. So many connections at once; where one more comes the oldest goes, which has had
the most time to ask, so that those who say nothing do not keep a probe out. Started by `observing`.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST

MAX_REQUEST_BYTES = 8 * 1024
MAX_SECONDS = 5.0
MAX_CONNECTIONS = 64
FRESH_SECONDS = 1.0
"""How old the metrics may be: asking more often must not cost more."""


class Page(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class Readiness(NamedTuple):
    """Whether to send requests here, and why or why not."""

    ready: bool
    shown: Mapping[str, object]


class HttpServer:
    """`readiness` and `metrics` must not block; the one gives what can be JSON, the other the text for Prometheus."""

    def __init__(self, readiness: Callable[[], Readiness], metrics: Callable[[], bytes]) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._scraped = b""
        self._scraped_at = -FRESH_SECONDS
        self._open: dict[asyncio.StreamWriter, None] = {}  # the oldest first
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens and gives the port. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_REQUEST_BYTES)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            self._drop(next(iter(self._open)))
        self._open[writer] = None
        try:
            await self._answer(reader, writer)
        finally:
            self._open.pop(writer, None)
            writer.close()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        """Whoever serves it hears that the connection is lost."""
        del self._open[writer]
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(MAX_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_encoded(self._page(head.split(b"\r\n", 1)[0])))
                await writer.drain()

    def _page(self, request_line: bytes) -> Page:
        match request_line.split(b" "):
            case [b"GET", target, b"HTTP/1.0" | b"HTTP/1.1"]:
                return self._found(target.split(b"?", 1)[0])
            case [_, _, b"HTTP/1.0" | b"HTTP/1.1"]:
                return _json(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "only GET is answered"})
            case _:
                return _json(HTTPStatus.BAD_REQUEST, {"error": "not an HTTP request"})

    def _found(self, path: bytes) -> Page:
        if path == b"/healthz":
            return _json(HTTPStatus.OK, {"status": "alive"})
        if path == b"/readyz":
            ready, shown = self._readiness()
            return _json(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"ready": ready, **shown})
        if path == b"/metrics":
            return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, self._scrape())
        return _json(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def _scrape(self) -> bytes:
        if time.monotonic() >= self._scraped_at + FRESH_SECONDS:
            self._scraped, self._scraped_at = self._metrics(), time.monotonic()
        return self._scraped


def _json(status: HTTPStatus, value: Mapping[str, object]) -> Page:
    return Page(status, "application/json", f"{json.dumps(value, indent=2)}\n".encode())


def _encoded(page: Page) -> bytes:
    lines = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + page.body
