"""Hears what the other services say on the bus.

At least once, and counted once: JetStream keeps a message until it is acked, and it is acked only after the sink has
committed it. Whatever happens in between (a crash, a lost connection, a store that is away) the message comes again, to
this replica or another, and the inbox knows it by source and id. The two together make every event count exactly once;
neither could alone. Deliveries are bounded and grow apart, a message that can never be read is buried and acked.

Each stream has a feed of its own, so one that is missing or slow holds up no other. Our own `workflows.changes` may be
listened to like any other stream; the chain in them keeps workflows from starting each other in circles. Called by
wiring, which gives the engine's router as the sink.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from service.bus.batches import EventBatches, Sink
from service.bus.connection import Connection
from service.bus.feed import Feed

__all__ = ["Listener", "Sink"]


class Listener:
    """`streams` are pairs of a stream and a subject filter in it; they may come into being later.

    `durable` names the consumers and must be the same in all replicas. A message that a dead replica held is delivered
    again `ack_wait_seconds` after it was handed out. `counters` has accepted, buried and returned.
    """

    def __init__(
        self,
        connection: Connection,
        streams: Sequence[tuple[str, str]],
        sink: Sink,
        *,
        durable: str = "workflows",
        ack_wait_seconds: float = 30.0,
        first_delay_seconds: float = 0.5,
    ) -> None:
        self.counters: Counter[str] = Counter()
        batches = EventBatches(sink, self.counters, first_delay_seconds)
        self._feeds = [
            Feed(connection, stream, subject, batches, durable, ack_wait_seconds) for stream, subject in streams
        ]

    def lag(self) -> dict[tuple[str, str], int]:
        """How many messages of each stream and filter wait to be acked, where that is known."""
        return {feed.place: feed.lag for feed in self._feeds if feed.lag is not None}

    async def run(self) -> None:
        """Listens until `stop`; returns when the batches in hand are settled."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(feed.run())

    def stop(self) -> None:
        for feed in self._feeds:
            feed.stop()
