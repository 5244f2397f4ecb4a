"""What the RPCs on events mean.

A letter that is replayed goes the way of a message that has just come: read, then accepted by the router. The inbox
knows it by source and id, so that replaying it twice, or after the same message came again, counts once. All else asks
the store.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from service.domain.bus_event import BusEvent
from service.domain.dead_letters import DeadLetter, LetterFilter, OpenedLetter, ReplayOutcome
from service.domain.paging import Page
from service.domain.received_events import EventFilter, EventKey, HeardEvent, OpenedEvent
from service.domain.republishing import Republishing

Reread: TypeAlias = Callable[[str, Mapping[str, str], bytes], BusEvent | str]
"""From bus subject, headers and body to the event, or to the word for why it is none."""
Accept: TypeAlias = Callable[[Sequence[BusEvent]], Awaitable[Sequence[BusEvent]]]
"""Routes events durably; gives back those whose id came before with another body."""


class Store(Protocol):
    async def replayed(self, letter_id: int, outcome: ReplayOutcome, reason: str) -> DeadLetter | None: ...

    async def discard(self, letter_id: int, visible: str | None) -> bool: ...

    async def republish(self, chosen: Republishing) -> int: ...


class Reads(Protocol):
    """Seeing only what the workspace may see."""

    async def letters(self, chosen: LetterFilter, limit: int, offset: int) -> Page[DeadLetter]: ...

    async def letter(self, letter_id: int, visible: str | None) -> OpenedLetter | None: ...

    async def events(self, chosen: EventFilter, limit: int, offset: int) -> Page[HeardEvent]: ...

    async def event(self, key: EventKey) -> OpenedEvent | None: ...

    async def routed(self, key: EventKey) -> bool: ...

    async def republishable(self, chosen: Republishing) -> int: ...


class Events(Protocol):
    """What the servicer asks for."""

    async def letters(self, chosen: LetterFilter, limit: int, offset: int) -> Page[DeadLetter]: ...

    async def letter(self, letter_id: int, visible: str | None) -> OpenedLetter | None: ...

    async def replay_letter(self, letter_id: int, visible: str | None) -> DeadLetter | None: ...

    async def discard(self, letter_id: int, visible: str | None) -> bool:
        """False when there is none."""
        ...

    async def events(self, chosen: EventFilter, limit: int, offset: int) -> Page[HeardEvent]: ...

    async def event(self, key: EventKey) -> OpenedEvent | None: ...

    async def republish(self, chosen: Republishing) -> int:
        """Gives how many changes are published again."""
        ...

    async def republishable(self, chosen: Republishing) -> int: ...


class EngineEvents:
    def __init__(self, store: Store, reads: Reads, reread: Reread, accept: Accept) -> None:
        self._store = store
        self._reads = reads
        self._reread = reread
        self._accept = accept
        self.discard, self.republish = store.discard, store.republish
        self.letters, self.letter = reads.letters, reads.letter
        self.events, self.event, self.republishable = reads.events, reads.event, reads.republishable

    async def replay_letter(self, letter_id: int, visible: str | None) -> DeadLetter | None:
        """The letter with what became of it; None when there is none. Raises StoreUnavailable."""
        opened = await self._reads.letter(letter_id, visible)
        if opened is None:
            return None
        read = self._reread(opened.letter.bus_subject, opened.headers, opened.body)
        outcome, reason = (
            (ReplayOutcome.STILL_POISON, read) if isinstance(read, str) else await self._brought(read, visible)
        )
        return await self._store.replayed(letter_id, outcome, reason)

    async def _brought(self, event: BusEvent, visible: str | None) -> tuple[ReplayOutcome, str]:
        if visible not in (None, event.tenant):
            return ReplayOutcome.STILL_POISON, "tenant_mismatch"
        known = await self._reads.routed(EventKey(event.tenant, event.source, event.id))
        if await self._accept([event]):
            return ReplayOutcome.STILL_POISON, "id_reused"
        return ReplayOutcome.KNOWN if known else ReplayOutcome.ROUTED, ""
