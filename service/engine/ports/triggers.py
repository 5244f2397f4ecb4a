"""Events on their way to the definitions they may start, and what became of them."""

from dataclasses import dataclass
from typing import Protocol

from service.domain.bus_event import BusEvent


@dataclass(frozen=True, slots=True)
class TriggerDelivery:
    """An event that was routed to a definition; `outcome` says what became of it, and is empty until it is settled."""

    workspace_id: str
    source: str
    event_id: str
    definition_id: str
    outcome: str = ""
    run_id: str = ""
    sequence: int = 0


class TriggerStore(Protocol):
    """Deliveries of events to definitions: claimed under a lease, and settled once."""

    async def claim_starts(self, limit: int, lease_seconds: float) -> list[TriggerDelivery]:
        """What is not settled and held by nobody; the lease doubles with every claim of the same delivery."""
        ...

    async def end_start(self, delivery: TriggerDelivery) -> None:
        """Writes the outcome, unless there is one already."""
        ...

    async def drop_start(self, delivery: TriggerDelivery) -> None:
        """Forgets a delivery that is nobody's concern."""
        ...

    async def postpone_start(self, delivery: TriggerDelivery) -> None:
        """Gives a claimed delivery back for a while: a second, twice as long each time, at most a minute."""
        ...

    async def starts_of(self, event: BusEvent) -> list[TriggerDelivery]: ...

    async def is_owed(self, event: BusEvent) -> bool:
        """Whether some run has yet to take the event that was routed to it."""
        ...

    async def moved_by(self, event: BusEvent) -> list[tuple[str, int]]:
        """The runs that took an event that was handed in, each with its sequence after that."""
        ...

    async def scheduled(self, workspace_id: str, address: str) -> list[str]:
        """The enabled definitions with that schedule; with any when the address names none."""
        ...
