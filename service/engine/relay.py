"""The outbox's way to the bus: every change once under its own id, in order within its run.

Runs are spread over a fixed number of shards, and a replica publishes the shards it holds the lease of. Of one run the
next change goes out only after the one before was acked; many runs are in flight at once, and a run whose publish fails
holds back only itself. Two replicas that believe they hold the same shard publish the same ids, which the bus drops.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

from service.engine.loop import Loop
from service.engine.ports.failures import BusUnavailable, StoreUnavailable
from service.engine.ports.outbox import Outbox, Publisher, Unpublished
from service.engine.tracing import UNTRACED, SpanRole, Tracer

BATCH = 1000
IDLE_SECONDS = 0.25
GATHER_SECONDS = 0.01
"""How long a round waits for what happens at the same moment: the answer to a caller goes first, and one read and one
mark serve many changes."""

log = logging.getLogger(__name__)


class Relay:
    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        holder: str,
        monotonic: Callable[[], float],
        shard_seconds: float = 15.0,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._tracer = tracer
        self._outbox = outbox
        self._publisher = publisher
        self._holder = holder
        self._monotonic = monotonic
        self._shard_seconds = shard_seconds
        self._shards: list[int] = []
        self._renew_at = 0.0
        self._troubles: list[str] = []
        self.counters: Counter[str] = Counter()
        self.loop = Loop("relay", self._round, IDLE_SECONDS)

    @property
    def shards(self) -> int:
        """How many this replica holds."""
        return len(self._shards)

    async def _round(self) -> bool:
        await asyncio.sleep(GATHER_SECONDS)
        await self._hold()
        changes = await self._outbox.unpublished(self._shards, BATCH) if self._shards else []
        if not changes:
            return False
        links = {change.trace: None for change in changes}
        with self._tracer.span("publish", "", SpanRole.PRODUCER, links, changes=len(changes)) as span:
            published = await self._publish_all(changes)
            span.tell(published=published)
        return published == len(changes)

    async def _publish_all(self, changes: Sequence[Unpublished]) -> int:
        """How many the bus has acknowledged. Raises BusUnavailable when there are none."""
        results = await asyncio.gather(*(self._publish(stream) for stream in by_stream(changes)))
        self._tell_of_troubles()
        published = [change for done in results for change in done]
        await self._outbox.mark_published([(change.stream, change.sequence) for change in published])
        self.counters["published"] += len(published)
        if not published:
            raise BusUnavailable("nothing could be published")
        return len(published)

    def _tell_of_troubles(self) -> None:
        """Once a round: whatever keeps the bus from taking one change mostly keeps it from taking all."""
        if self._troubles:
            more = len(self._troubles) - 1
            log.warning("publishing %s%s", self._troubles[0], f", and {more} more" if more else "")
            self._troubles.clear()

    async def _hold(self) -> None:
        if self._monotonic() >= self._renew_at:
            self._renew_at = self._monotonic() + self._shard_seconds / 3
            self._shards = await self._outbox.hold_shards(self._holder, self._shard_seconds)

    async def let_go(self) -> None:
        """Leaves the shards to others at once; without it they wait for the lease to run out."""
        with suppress(StoreUnavailable):
            await self._outbox.hold_shards(self._holder, 0.0)

    async def _publish(self, changes: Sequence[Unpublished]) -> Sequence[Unpublished]:
        """Publishes one stream's changes one after the other; gives those that were acked."""
        for count, change in enumerate(changes):
            if not await self._sent(change):
                return changes[:count]
        return changes

    async def _sent(self, change: Unpublished) -> bool:
        """Whether it is on the bus now. A change that cannot be written holds back its stream and no other."""
        try:
            await self._publisher.publish(change)
        except BusUnavailable as error:
            self._troubles.append(f"{change.stream}.{change.sequence} is tried again: {error}")
        except Exception:
            log.exception("publishing %s.%d is tried again", change.stream, change.sequence)
        else:
            return True
        self.counters["failed"] += 1
        return False


def by_stream(changes: Sequence[Unpublished]) -> list[list[Unpublished]]:
    streams: defaultdict[str, list[Unpublished]] = defaultdict(list)
    for change in changes:
        streams[change.stream].append(change)
    return list(streams.values())
