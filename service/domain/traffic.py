"""What operators see of the bus and ask of it: messages that were put aside, events that were heard, and which of our
own changes are to be published again. Plain values that the edge and the store both know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.definition import Payload


class ReplayOutcome(StrEnum):
    """What became of a letter that was replayed."""

    ROUTED = "ROUTED"
    KNOWN = "KNOWN"
    STILL_POISON = "STILL_POISON"


@dataclass(frozen=True, slots=True)
class Replayed:
    """`reason` says what is still wrong with it."""

    at: datetime
    outcome: ReplayOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be read or trusted; `size` is that of its body in bytes."""

    id: int
    workspace_id: str
    bus_subject: str
    reason: str
    received_at: datetime
    size: int
    replayed: Replayed | None = None


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter with what came: its body is as it was, headers have no NUL."""

    letter: DeadLetter
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """`workspace_id` None is every workspace, an empty reason any."""

    workspace_id: str | None
    reason: str = ""
    since: datetime | None = None


class EventState(StrEnum):
    """How much there still is of an event that was heard."""

    BUFFERED = "BUFFERED"  # nobody waited when it came, somebody may yet
    ROUTED = "ROUTED"  # handed on, and still kept
    FADED = "FADED"  # only its id is remembered


@dataclass(frozen=True, slots=True)
class EventKey:
    workspace_id: str
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """`routed_at` is None until it was looked up who waits for it."""

    key: EventKey
    type: str
    subject: str
    bus_subject: str
    received_at: datetime
    routed_at: datetime | None
    state: EventState


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """`time` is when it happened, as it says itself; both are None where it says nothing, and once it has faded."""

    event: HeardEvent
    time: datetime | None
    payload: Payload | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    workspace_id: str
    type_prefix: str = ""
    state: EventState | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Republishing:
    """Which of our published changes: of those given, all must match."""

    since: datetime
    workspace_id: str | None = None
    definition_id: str = ""
    run_id: str = ""
