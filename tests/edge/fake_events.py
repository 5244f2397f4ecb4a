"""A stand-in for letters and events behind the edge."""

from dataclasses import dataclass, field, replace
from typing import Any

from service.domain.dead_letters import DeadLetter, LetterFilter, OpenedLetter, Replayed, ReplayOutcome
from service.domain.paging import Page
from service.domain.received_events import EventFilter, EventKey, EventState, HeardEvent, OpenedEvent
from service.domain.republishing import Republishing
from tests.edge.fakes import NOW, Fake


def letter(**changes: Any) -> DeadLetter:
    made = DeadLetter(
        7, "acme", "orders.made", "bad_json", NOW, 3, Replayed(NOW, ReplayOutcome.STILL_POISON, "too_deep")
    )
    return replace(made, **changes)


def heard(**changes: Any) -> HeardEvent:
    key = EventKey("acme", "tap/crm", "e1")
    return replace(HeardEvent(key, "crm.deal", "deal/1", "siphon.tap.crm", NOW, NOW, EventState.BUFFERED), **changes)


@dataclass
class FakeEvents(Fake):
    found: DeadLetter | None = field(default_factory=letter)
    body: bytes = b"\0{x"
    opened: OpenedEvent | None = field(default_factory=lambda: OpenedEvent(heard(), NOW, {"n": 1}))

    async def letters(self, chosen: LetterFilter, limit: int, offset: int) -> Page[DeadLetter]:
        self._read((chosen, limit, offset))
        return Page([letter(), letter(id=6, replayed=None)], 12)

    async def letter(self, letter_id: int, visible: str | None) -> OpenedLetter | None:
        self._read((letter_id, visible))
        return OpenedLetter(self.found, {"ce-id": "é"}, self.body) if self.found else None

    async def replay_letter(self, letter_id: int, visible: str | None) -> DeadLetter | None:
        await self._write((letter_id, visible))
        return self.found

    async def discard(self, letter_id: int, visible: str | None) -> bool:
        await self._write((letter_id, visible))
        return self.found is not None

    async def events(self, chosen: EventFilter, limit: int, offset: int) -> Page[HeardEvent]:
        self._read((chosen, limit, offset))
        return Page([heard(), heard(state=EventState.FADED, routed_at=None)], 14)

    async def event(self, key: EventKey) -> OpenedEvent | None:
        self._read(key)
        return self.opened

    async def republish(self, chosen: Republishing) -> int:
        await self._write(chosen)
        return 5_000_000_000

    async def republishable(self, chosen: Republishing) -> int:
        self._read(chosen)
        return 3
