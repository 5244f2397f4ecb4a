"""What a stream of the bus holds, read from its first message to its last."""

from collections.abc import AsyncIterator

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import DeliverPolicy

from service.bus.streams import CHANGES_STREAM
from tests.world import Change


async def stored_changes(bus: Client, stream_id: str) -> list[Change]:
    """The changes of one run or definition as the bus keeps them, in order of arrival."""
    found = [Change(msg.subject, msg.headers or {}, orjson.loads(msg.data)) async for msg in _messages(bus)]
    return [change for change in found if change.stream == stream_id]


async def _messages(bus: Client) -> AsyncIterator[Msg]:
    stream = bus.jetstream()
    last = (await stream.stream_info(CHANGES_STREAM)).state.last_seq
    if not last:
        return
    reading = await stream.subscribe("", stream=CHANGES_STREAM, ordered_consumer=True, deliver_policy=DeliverPolicy.ALL)
    while True:
        message = await reading.next_msg(timeout=5)
        yield message
        if message.metadata.sequence.stream == last:
            break
    await reading.unsubscribe()
