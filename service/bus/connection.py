"""The one connection to NATS, kept for as long as the process lives.

It never gives up: the client reconnects by itself, also where a server only falls silent, and where one ends the
session for good (a refused permission, too many connections) a new client takes its place. Who subscribed compares
`client` with the one it subscribed on. Logs say what changed, once per change, and never show credentials. Called by
wiring; used by publisher and listener.
"""

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from service.bus.client import SturdyClient
from service.engine.ports.failures import BusUnavailable

NAME = "workflows"
RECONNECT_SECONDS = 1
CLOSE_SECONDS = 2
PING_SECONDS = 10
PINGS = 2
"""So many may go unanswered: a server that vanished without a word is known to be gone within half a minute."""
REQUEST_SECONDS = 5.0

log = logging.getLogger(__name__)


class Connection:
    """`url` may name several servers of one cluster, separated by commas."""

    def __init__(self, url: str) -> None:
        self._servers = [part.strip() for part in url.split(",")]
        self._address = ", ".join(urlsplit(server).netloc.rpartition("@")[2] for server in self._servers)
        self._client: Client | None = None
        self._trouble = ""
        self._closing = False
        self._opened = 0
        self._reopening: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def session(self) -> tuple[int, int] | None:
        """Another one after every reconnection; None while there is no connection."""
        return (self._opened, self._client.stats["reconnects"]) if self._client and self.connected else None

    @property
    def client(self) -> Client:
        """The present client. Raises BusUnavailable while there is no connection."""
        if self._client is None or not self._client.is_connected:
            raise BusUnavailable(f"no connection to NATS at {self._address}")
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """Raises BusUnavailable while there is no connection."""
        return self.client.jetstream(timeout=REQUEST_SECONDS)

    async def open(self) -> None:
        """Returns when connected, however long that takes; limit it from outside where waiting is wrong."""
        client = SturdyClient()
        await client.connect(
            servers=self._servers,
            name=NAME,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=PINGS,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_connected,
            closed_cb=self._on_closed,
        )
        self._client = client
        self._opened += 1
        await self._on_connected()

    async def close(self) -> None:
        """Sends what is still to be sent and closes, within a few seconds even when the server is gone."""
        self._closing = True
        if self._reopening is not None:
            self._reopening.cancel()
        if self._client is None:
            return
        with suppress(NatsError, OSError):  # a timeout is one; so is what comes of words that it never got
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._client.is_connected:
                    await self._client.flush()
        with suppress(NatsError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()

    async def _on_error(self, error: Exception) -> None:
        trouble = str(error) or type(error).__name__
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("NATS at %s: %s", self._address, trouble)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            log.warning("NATS at %s: connection lost, reconnecting", self._address)

    async def _on_connected(self) -> None:
        self._trouble = ""
        log.info("NATS at %s: connected", self._address)

    async def _on_closed(self) -> None:
        if not self._closing:
            log.warning("NATS at %s: session ended by the server, opening a new one", self._address)
            self._reopening = asyncio.create_task(self.open())
