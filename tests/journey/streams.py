"""What the bus keeps of our changes, read from the stream's first message on."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing

import orjson
from nats.aio.client import Client
from nats.js.api import DeliverPolicy

from service.bus.streams import CHANGES_STREAM
from tests.world import PATIENCE_SECONDS, Change


async def stored_changes(bus: Client, stream_id: str) -> list[Change]:
    """All changes of one run or definition that are there now, in order of arrival."""
    last = (await bus.jetstream().stream_info(CHANGES_STREAM)).state.last_seq
    found: list[Change] = []
    async with aclosing(_changes(bus)) as changes:
        async for number, change in changes:
            if change.stream == stream_id:
                found.append(change)
            if number == last:
                break
    return found


async def until_stored(bus: Client, stream_id: str, last: str) -> None:
    """Waits until the bus keeps a change of that type, `run.completed` say."""
    async with aclosing(_changes(bus)) as changes:
        async for _, change in changes:
            if change.stream == stream_id and change.type == f"workflows.changes.{last}":
                return


async def until_all_stored(bus: Client, wanted: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
    """Waits until the bus keeps all of these changes; gives the numbers of each run and definition as they arrived."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while CHANGES_STREAM not in await names(bus):
            pass  # it was lost, and the service has yet to make it anew
    missing = {(stream, number) for stream, numbers in wanted.items() for number in numbers}
    found: dict[str, list[int]] = defaultdict(list)
    async with aclosing(_changes(bus)) as changes:
        async for _, change in changes:
            found[change.stream].append(change.sequence)
            missing.discard((change.stream, change.sequence))
            if not missing:
                break
    return dict(found)


async def until_each_stored(bus: Client, stream_ids: Collection[str], last: str) -> dict[str, list[Change]]:
    """Waits until the bus keeps a change of that type of each of these runs; gives all that it has of any, as it came.
    What a restart of the bus kept from those who only listen is here."""
    missing, found = {*stream_ids}, defaultdict[str, list[Change]](list)
    async with aclosing(_changes(bus)) as changes:
        async for _, change in changes:
            found[change.stream].append(change)
            if change.type == f"workflows.changes.{last}":
                missing.discard(change.stream)
            if not missing:
                break
    return found


async def names(bus: Client) -> list[str]:
    """Of all streams that are there now."""
    return [found.config.name or "" for found in await bus.jetstream().streams_info()]


async def _changes(bus: Client) -> AsyncGenerator[tuple[int, Change], None]:
    """Each change with its number in the stream; waits for the next one at the end."""
    reading = await bus.jetstream().subscribe(
        "", stream=CHANGES_STREAM, ordered_consumer=True, deliver_policy=DeliverPolicy.ALL
    )
    try:
        while True:
            message = await reading.next_msg(timeout=PATIENCE_SECONDS)
            yield (
                message.metadata.sequence.stream,
                Change(message.subject, message.headers or {}, orjson.loads(message.data)),
            )
    finally:
        await reading.unsubscribe()
