"""The few pages a platform asks for over HTTP: /healthz, /readyz, /metrics.

/healthz says that the process lives, /readyz which of its dependencies answer (503 when one does not) and which
siblings are configured (for information: a missing one fails steps, not the service), /metrics is for Prometheus. One
request per connection, small and short: whatever else arrives is a bad request. Started by wiring.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

MAX_REQUEST_BYTES = 8 * 1024
MAX_SECONDS = 5.0


class Page(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class HttpServer:
    """`ready` tells of each dependency whether it answers; it must not block. `siblings` are all there are, each with
    whether it is configured."""

    def __init__(
        self, ready: Callable[[], Mapping[str, bool]], siblings: Mapping[str, bool], metrics: CollectorRegistry
    ) -> None:
        self._ready = ready
        self._siblings = {name: "configured" if given else "not configured" for name, given in siblings.items()}
        self._metrics = metrics
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
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(MAX_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_encoded(self._page(head.split(b"\r\n", 1)[0])))
                await writer.drain()
        writer.close()

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
            return self._readiness(self._ready())
        if path == b"/metrics":
            return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._metrics))
        return _json(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def _readiness(self, ready: Mapping[str, bool]) -> Page:
        status = HTTPStatus.OK if all(ready.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, {**ready, "siblings": self._siblings})


def _json(status: HTTPStatus, value: Mapping[str, object]) -> Page:
    return Page(status, "application/json", json.dumps(value).encode())


def _encoded(page: Page) -> bytes:
    lines = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + page.body
