"""Events that came from the bus, as operators see them: what there still is of each, and what it said.

Values between the store, which keeps them, and the edge.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.definition import Payload


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
