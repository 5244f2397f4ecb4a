"""Messages from the bus that nobody could read or trust: put aside, looked at, replayed, discarded.

Values between the store, which keeps them, and the edge, where operators see them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
