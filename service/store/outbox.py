"""Changes on their way to the bus: the engine's Outbox.

Changes are spread over 32 shards by their stream, and a replica publishes the shards it has leased. Each replica takes
its fair share of them and lets go of the rest at its next renewal. A lease that was lost does no harm: changes are
published under ids of their own and order is kept within a stream.
"""

from collections.abc import Sequence

from service.engine.ports.outbox import Unpublished
from service.store.pool import Pool
from service.store.queries import query


class ChangeOutbox:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold_shards(self, holder: str, lease_seconds: float) -> list[int]:
        """Renews and takes shards for `holder`; gives those that it now holds."""
        rows = await self._pool.write(query("shards_hold"), (holder, lease_seconds))
        return sorted(shard for shard, kept in rows if kept)

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]:
        """About `limit` changes, the same number of every shard, in order within each stream."""
        if not shards:
            return []
        each = -(-limit // len(shards))
        rows = await self._pool.read(query("changes_unpublished"), (list(shards), each))
        return [Unpublished(*row) for row in rows]

    async def mark_published(self, published: Sequence[tuple[str, int]]) -> None:
        """`published` holds stream and sequence of what the bus has acknowledged."""
        if published:
            streams, sequences = zip(*published, strict=True)
            await self._pool.write(query("changes_published"), (list(streams), list(sequences)))
