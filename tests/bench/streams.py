"""The stream of our changes, looked at from outside the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from service.bus.streams import CHANGES_STREAM, CHANGES_SUBJECT

POLL_SECONDS = 0.01
FETCH = 500
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
        """The ids of all changes, in the order of the stream. Pulled: a pushed reader that falls behind restarts."""
        found: list[str] = []
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        reader = await self.jetstream.pull_subscribe(f"{CHANGES_SUBJECT}.>", stream=CHANGES_STREAM, config=config)
        while len(found) < await self.holds():
            for message in await reader.fetch(FETCH, FETCH_SECONDS):
                found.append((message.headers or {})["ce-id"])
        await reader.unsubscribe()
        return found


@asynccontextmanager
async def stream(url: str) -> AsyncIterator[Stream]:
    client = await nats.connect(url)
    try:
        yield Stream(client.jetstream())
    finally:
        await client.close()


def first_disorder(ids: list[str]) -> str | None:
    """The first change that is not the next of its run, and the one that was told before it; None when all are."""
    last: dict[str, int] = {}
    for change in ids:
        run_id, _, sequence = change.rpartition(".")
        if int(sequence) != last.get(run_id, 0) + 1:
            return f"{change} after {last.get(run_id, 0)}"
        last[run_id] = int(sequence)
    return None
