"""An outbox that notices when the bus has lost what it had acknowledged, and gives it out again.

Before anything is published on a new connection, after every failure and every few seconds it looks at the stream. When
that is not what it was, all shards are marked as lost since then; a shard so marked gives out nothing until its holder
has unmarked every change that was published meanwhile. So the changes of each run arrive in the new stream in their
order, under the ids they had. What is remembered of the stream is in the database: a restart knows it, too.

Wraps the store's outbox for the relay; made by wiring.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from service.domain.stream import StreamMark, StreamSeen, is_whole, lost_since
from service.engine.ports.outbox import Outbox, Unpublished

LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


class Stream(Protocol):
    """The stream that changes are published to. Raises BusUnavailable."""

    @property
    def sure(self) -> bool:
        """Whether nothing has happened since it was trusted that it might not have survived."""
        ...

    async def look(self) -> StreamSeen:
        """The stream as it is, made when it is missing."""
        ...

    async def last_at(self, seen: StreamSeen) -> datetime | None:
        """The time of its last message, if that is there."""
        ...

    def trust(self, seen: StreamSeen) -> None:
        """Publishing may go on, to the stream that was seen."""
        ...


class StreamMemory(Protocol):
    """What is known of the stream, and which shards have lost something. Raises StoreUnavailable."""

    async def known(self, stream: str) -> StreamMark | None: ...

    async def remember(self, mark: StreamMark) -> None: ...

    async def lose(self, known: StreamMark, found: StreamMark, since: datetime, shards: Sequence[int]) -> None:
        """Marks all shards, or only the given ones where somebody else was first to notice."""
        ...

    async def unmark(self, shards: Sequence[int]) -> int:
        """Has those of the shards that are marked give out again what they lost; gives how many changes."""
        ...


class RewindingOutbox:
    """Satisfies `ports.Outbox`."""

    def __init__(self, outbox: Outbox, stream: Stream, memory: StreamMemory, monotonic: Callable[[], float]) -> None:
        self._outbox = outbox
        self._stream = stream
        self._memory = memory
        self._monotonic = monotonic
        self._look_at = 0.0
        self.given_again = 0
        self.hold_shards, self.mark_published = outbox.hold_shards, outbox.mark_published

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]:
        """Raises StoreUnavailable, and BusUnavailable when the stream cannot be looked at."""
        if not self._stream.sure or self._monotonic() >= self._look_at:
            await self._look(shards)
            self._look_at = self._monotonic() + LOOK_SECONDS
        return await self._outbox.unpublished(shards, limit)

    async def _look(self, shards: Sequence[int]) -> None:
        seen = await self._stream.look()
        remembered = await self._memory.known(seen.mark.stream)
        if remembered and not is_whole(remembered, seen.mark):
            seen = await self._stream.look()  # between the two, another replica may have seen and noted more
        for known in (remembered, seen.trusted):
            if known and not is_whole(known, seen.mark):
                await self._lose(known, seen, shards)
                break
        else:
            await self._memory.remember(seen.mark)
        if count := await self._memory.unmark(shards):
            self.given_again += count
            log.warning("%d changes that stream %s may have lost are published again", count, seen.mark.stream)
        self._stream.trust(seen)

    async def _lose(self, known: StreamMark, seen: StreamSeen, shards: Sequence[int]) -> None:
        since = lost_since(known, seen, await self._stream.last_at(seen))
        log.warning("stream %s is not what it was: what was published since %s may be lost", known.stream, since)
        await self._memory.lose(known, seen.mark, since, shards)
