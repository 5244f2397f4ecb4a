"""What the bus keeps of our changes, read from the stream's first message on."""

from collections.abc import AsyncGenerator
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
