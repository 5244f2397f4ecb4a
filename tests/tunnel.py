"""A way to a server on which connections can go silent, as when a machine or a firewall between two others vanishes.

Nothing is refused and nothing is closed: what either side says just does not arrive any more. Whoever connects later
gets through again, unless the tunnel is blocked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Ways: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Tunnel:
    """`port` leads to `target`; `connections` counts who came. While `blocked`, whoever connects hears nothing."""

    target: int
    port: int = 0
    blocked: bool = False
    connections: int = 0
    _silent: set[asyncio.StreamWriter] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def silence(self) -> None:
        """Nothing gets through any more on the connections that there are."""
        self._silent |= self._open

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._open |= {writer, back}
        if self.blocked:
            self._silent |= {writer, back}
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.read(65536):
                if writer not in self._silent:
                    writer.write(said)
        except ConnectionError:
            pass
        if writer not in self._silent:
            writer.close()

    def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def tunnel(target: int) -> AsyncIterator[Tunnel]:
    """To that port of this machine."""
    found = Tunnel(target)
    server = await asyncio.start_server(found.lead, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        found.close()
        await server.wait_closed()
