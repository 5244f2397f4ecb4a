"""What is owed and what is due, claimed under leases on the database's clock."""

from dataclasses import dataclass
from typing import Protocol

from service.domain.effects import Owed


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed effect: which run owes it, the row, the stored request bytes, and the trace of what led to it;
    `taken_over` when somebody held it before and let the lease run out."""

    run_id: str
    workspace_id: str
    effect: Owed
    request: bytes
    trace: str = ""
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run whose clock is due, and the trace of its start: the clock has none of its own."""

    run_id: str
    trace: str


class WorkStore(Protocol):
    """Owed effects and due clocks, claimed under leases on the database's clock."""

    async def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]:
        """What is due and held by nobody; no workspace waits for another that has more due than a claim takes."""
        ...

    async def claim_stops(self, limit: int, lease_seconds: float) -> list[Work]:
        """Of what is due only what ends work (`STOPS`)."""
        ...

    async def claim_due_runs(self, limit: int, lease_seconds: float) -> list[DueRun]: ...

    async def drop_orphan(self, work: Work) -> bool:
        """Forgets what is owed by a run that is not there any more; False when the run is there."""
        ...

    async def expire_keys(self, keep_seconds: float, limit: int) -> int:
        """Forgets callers' idempotency keys; what events started is remembered for ever."""
        ...
