"""The inbox of bus events: what was kept, and its way to the runs that wait for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from service.domain.bus_event import BusEvent
from service.domain.calls import Deliver
from service.domain.correlations import Correlate
from service.domain.decision import Wait
from service.engine.ports.work import Work


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A bus event in the buffer, and when it was first heard."""

    event: BusEvent
    received_at: datetime


class Receipt(StrEnum):
    """What became of an event that was handed to `keep`."""

    FRESH = "FRESH"  # stored now
    UNROUTED = "UNROUTED"  # stored before, the router died before it looked
    DONE = "DONE"  # stored and routed before
    CLASH = "CLASH"  # the same source and id with another body: poison


@dataclass(frozen=True, slots=True)
class Kept:
    """`awaited` is what told waits for such events apart when it was kept; routing needs it."""

    event: BusEvent
    fate: Receipt
    awaited: tuple[Correlate, ...] = ()


class EventStore(Protocol):
    """The inbox of bus events and their way to the runs that wait.

    Commit first, look second, on both sides: `keep` commits the event, `route` looks for waits in a new statement; an
    apply commits a wait, `look` then looks at the buffer. Both may see each other; the run's guard absorbs it.
    """

    async def keep(self, events: Sequence[BusEvent]) -> list[Kept]:
        """Inserts what is new; tells for each event whether it is fresh, known and unrouted, done, or poison."""
        ...

    async def route(self, kept: Sequence[Kept], lease_seconds: float) -> list[Work]:
        """One leased delivery per waiting run, one to claim per definition that has such a trigger, and the routed
        mark, in one commit; gives the leased ones."""
        ...

    async def look(self, run_id: str, workspace_id: str, waits: Sequence[Wait], lease_seconds: float) -> list[Work]:
        """Deliveries for freshly opened waits from events that came before them."""
        ...

    async def sweep(self, limit: int, lease_seconds: float) -> list[Work]:
        """Repeats the look for lookers that died: buffered events that somebody now waits for."""
        ...

    async def event(self, workspace_id: str, delivery: Deliver) -> StoredEvent | None: ...

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        """Poison goes to the dead letters with the reason and the raw bytes."""
        ...

    async def expire(self, keep_buffered_seconds: float, keep_ids_seconds: float, limit: int) -> int: ...

    async def expire_letters(self, keep_seconds: float, limit: int) -> int: ...
