"""What the loops need of the world, as protocols that store, bus and siblings satisfy structurally.

The engine owns these shapes; nobody inherits from them. Every method is one round trip unless it says otherwise.
Errors: `StaleRun` when a fence did not hold; `StoreUnavailable` / `BusUnavailable` when the other side does not answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from service.domain.answers import Answer, Fault
from service.domain.bus_event import BusEvent
from service.domain.calls import Deliver, SiblingCall
from service.domain.correlations import Correlate
from service.domain.decision import Decision, Seen, Wait
from service.domain.definition import Definition, Version
from service.domain.effects import Owed
from service.domain.schedule import Move, Schedule
from service.domain.state import Run


class StaleRun(Exception):
    """Somebody else moved the run, took over an effect or used a cause first: nothing was written."""


class StoreUnavailable(Exception):
    """The database does not answer, or cut the connection: the outcome of a write is unknown."""


class BusUnavailable(Exception):
    """The bus did not acknowledge."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run as loaded: `now` is the database's clock, `seen` which of the asked causes are already in,
    `held` which of the asked effects are still there under the asked token."""

    run: Run
    now: datetime
    seen: Mapping[str, Seen] = field(default_factory=dict)
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Applied:
    """The run as stored, with its new version, and the database's clock."""

    version: int
    now: datetime


@dataclass(frozen=True, slots=True)
class StartKey:
    """Who may start: unique per (workspace, scope, key); the digest tells a repetition from a conflict, and is empty
    where a repetition need not be word for word."""

    workspace_id: str
    scope: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Started:
    """`fresh` is False when the key was used before: then run_id is the winner's and `digest` its body's."""

    run_id: str
    digest: bytes
    fresh: bool
    sequence: int
    now: datetime


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


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A claimed schedule: `now` is the database's clock, `going` whether the run of its last tick has not ended yet,
    `enabled` whether its definition may start runs."""

    schedule: Schedule
    now: datetime
    going: bool
    enabled: bool


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


@dataclass(frozen=True, slots=True)
class Errand:
    """One call to a sibling: the stored bytes, the key that makes it one, whether it may have been made before, and
    the trace that it belongs to."""

    kind: str
    request: bytes
    workspace_id: str
    run_id: str
    key: str
    repeated: bool
    trace: str = ""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A bus event in the buffer, and when it was first heard."""

    event: BusEvent
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Unpublished:
    """One change that has not reached the bus. `stream` is the id of the run or definition it belongs to.

    `data` is what the change stored, `header` the unchanging columns of its run (empty for definitions); keys are
    column names, which are the wire's field names, values as PostgreSQL's JSON has them.
    """

    stream: str
    sequence: int
    workspace_id: str
    aggregate: str  # run | step | definition | version
    operation: str
    actor: str
    cause: str
    recorded_at: datetime
    data: Mapping[str, Any]
    header: Mapping[str, Any]
    trace: str = ""


class Fate(StrEnum):
    """What became of an event that was handed to `keep`."""

    FRESH = "FRESH"  # stored now
    UNROUTED = "UNROUTED"  # stored before, the router died before it looked
    DONE = "DONE"  # stored and routed before
    CLASH = "CLASH"  # the same source and id with another body: poison


@dataclass(frozen=True, slots=True)
class Kept:
    """`awaited` is what told waits for such events apart when it was kept; routing needs it."""

    event: BusEvent
    fate: Fate
    awaited: tuple[Correlate, ...] = ()


class RunStore(Protocol):
    """Runs, behind their fence."""

    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None: ...

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        """Writes one decision, all or nothing. New effects are leased to the caller with token 1.
        Raises StaleRun, StoreUnavailable."""
        ...

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started: ...

    async def started(self, key: StartKey) -> Started | None:
        """What was started under the key before; None when nothing was."""
        ...

    async def tree(self, run_id: str, most: int) -> tuple[str, int]:
        """The root of the tree of runs that it is in, and how many runs that has, counted up to `most`."""
        ...

    async def version(self, definition_id: str, number: int, schema_revision: int = 0) -> Version | None:
        """The version with that revision of its schemas beside it; with none for 0."""
        ...

    async def run_at(self, run_id: str, sequence: int) -> Run | None:
        """The run as it stood after that event, rebuilt from its history."""
        ...

    async def now(self) -> datetime:
        """The database's clock."""
        ...


class Catalogue(Protocol):
    """Finding what a step wants to run."""

    async def find(self, workspace_id: str, definition_id: str, name: str) -> Definition | None:
        """The definition of that id, or of that name when the id is empty, within the workspace."""
        ...


class WorkStore(Protocol):
    """Owed effects and due clocks, claimed under leases on the database's clock."""

    async def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]: ...

    async def claim_due_runs(self, limit: int, lease_seconds: float) -> list[DueRun]: ...

    async def drop_orphan(self, work: Work) -> bool:
        """Forgets what is owed by a run that is not there any more; False when the run is there."""
        ...

    async def expire_keys(self, keep_seconds: float, limit: int) -> int:
        """Forgets callers' idempotency keys; what events started is remembered for ever."""
        ...


class ScheduleStore(Protocol):
    """Schedules, claimed under a lease and moved on behind the tick they stood at."""

    async def claim_schedules(self, limit: int, lease_seconds: float) -> list[DueSchedule]: ...

    async def move_on(self, schedule: Schedule, move: Move, run_id: str) -> None:
        """Moves the schedule on from where it was claimed; `run_id` is empty when it started nothing."""
        ...


class Siblings(Protocol):
    """The outgoing calls. `encode` is pure and deterministic: its bytes are stored and sent unchanged, every time."""

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes: ...

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        """Makes the call. One that may have been made before is looked for first, where the sibling can be searched."""
        ...


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


class Outbox(Protocol):
    """Changes on their way to the bus, shared between replicas by leased shards."""

    async def hold_shards(self, holder: str, lease_seconds: float) -> list[int]: ...

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]: ...

    async def mark_published(self, published: Sequence[tuple[str, int]]) -> None: ...


class Publisher(Protocol):
    async def publish(self, change: Unpublished) -> None:
        """Returns when the bus has acknowledged. Raises BusUnavailable."""
        ...
