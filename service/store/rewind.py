"""What the relay remembers of its stream, and the changes that the stream has lost.

A shard that is marked as lost gives out nothing (`changes_unpublished` leaves it out), so its changes can be unmarked
in batches of any order: they go out when all of them are. Whatever dies in between, the next holder goes on.
"""

from collections.abc import Sequence
from datetime import datetime

from service.domain.stream import StreamMark
from service.store.pool import Pool
from service.store.queries import query

BATCH = 10_000


class StreamMemory:
    """Constructed with a pool of the engine's role. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def known(self, stream: str) -> StreamMark | None:
        rows = await self._pool.read(query("stream_known"), (stream,))
        return StreamMark(stream, *rows[0]) if rows else None

    async def remember(self, mark: StreamMark) -> None:
        """Nothing is forgotten: a lower number leaves the higher one."""
        await self._pool.write(query("stream_remember"), (mark.stream, mark.created_at, mark.last_sequence))

    async def lose(self, known: StreamMark, found: StreamMark, since: datetime, shards: Sequence[int]) -> None:
        """Remembers what was found and marks all shards. Where somebody else did so before, the given shards are marked
        once more: what their holder published meanwhile was marked as published only after that."""
        stood = (known.stream, known.created_at, known.last_sequence)
        now = (found.created_at, found.last_sequence)
        await self._pool.write(query("stream_lose"), (*stood, *now, since, list(shards)))

    async def unmark(self, shards: Sequence[int]) -> int:
        """Gives how many changes will be published again. Three trips per marked shard, more where there is much."""
        lost = await self._pool.read(query("shards_lost"), (list(shards),))
        return sum([await self._unmark(*row) for row in lost])

    async def _unmark(self, shard: int, since: datetime, until: datetime) -> int:
        count, last = 0, BATCH
        while last:  # until none is found, as one that moves just then is passed over
            [(last,)] = await self._pool.write(query("changes_unmark"), (shard, since, until, BATCH))
            count += last
        await self._pool.write(query("shard_found"), (shard, since, until))
        return count
