"""The stream of our changes, looked at from outside the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats
from nats.js import JetStreamContext

from service.bus.streams import CHANGES_STREAM, CHANGES_SUBJECT

POLL_SECONDS = 0.01
FETCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stream:
    jetstream: JetStreamContext

    async def clear(self) -> None:
        await self.jetstream.purge_stream(CHANGES_STREAM)

    async def holds(self) -> int:
        """How many changes are there."""
        return (await self.jetstream.stream_info(CHANGES_STREAM)).state.messages

    async def until_it_holds(self, count: int) -> None:
        while await self.holds() < count:  # noqa: ASYNC110 - another process fills it
            await asyncio.sleep(POLL_SECONDS)

    async def ids(self) -> list[str]:
        """The ids of all changes, in the order of the stream."""
        found: list[str] = []
        reader = await self.jetstream.subscribe(f"{CHANGES_SUBJECT}.>", ordered_consumer=True, stream=CHANGES_STREAM)
        for _ in range(await self.holds()):
            headers = (await reader.next_msg(FETCH_SECONDS)).headers or {}
            found.append(headers["ce-id"])
        await reader.unsubscribe()
        return found


@asynccontextmanager
async def stream(url: str) -> AsyncIterator[Stream]:
    client = await nats.connect(url)
    try:
        yield Stream(client.jetstream())
    finally:
        await client.close()


def in_order(ids: list[str]) -> bool:
    """Whether every run's changes are numbered 1, 2, 3 and so on, each once."""
    last: dict[str, int] = {}
    for change in ids:
        run_id, _, sequence = change.rpartition(".")
        if int(sequence) != last.get(run_id, 0) + 1:
            return False
        last[run_id] = int(sequence)
    return True
