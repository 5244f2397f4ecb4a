"""What happened to a run, as it was written down: its changes, and the reports that changed nothing.

Read by the store, shown and watched through the edge; nobody decides by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One change of a run. `published_at` is None until the bus has taken it."""

    sequence: int
    aggregate: str
    operation: str
    step_id: str
    actor: str
    cause: str
    recorded_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunAudit:
    """A report that changed nothing, and why. Ids grow with time."""

    id: int
    step_id: str
    command: str
    reason: str
    message: str
    actor: str
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after some sequence, oldest first; `ended` when the run has ended and none follow for now."""

    events: Sequence[RunEvent]
    ended: bool


@dataclass(frozen=True, slots=True)
class History:
    events: Sequence[RunEvent]
    audits: Sequence[RunAudit]
