"""When the stream of our changes has lost what it had acknowledged, and since when.

A stream is what it was as long as it was made at the same moment and is no shorter. One that was made anew (its disk
was lost, somebody deleted it) has lost everything that the old one kept; one that ends before its last acknowledged
message (its machine died before it had written) has lost its tail. Pure; called by the outbox that `engine.rewind` has.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SKEW = timedelta(minutes=5)
"""How far the clocks of the bus and of the database may be apart."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StreamMark:
    """A stream at one moment: when it was made, on the clock of the bus, and the number of its last message."""

    stream: str
    created_at: datetime
    last_sequence: int


@dataclass(frozen=True, slots=True)
class StreamSeen:
    """The stream as it is now. `trusted` is how far this process knows it to have come, by what it acknowledged since
    it was last looked at; `kept_seconds` is 0 for a stream that keeps its messages for ever."""

    mark: StreamMark
    kept_seconds: float
    trusted: StreamMark | None = None


def is_whole(known: StreamMark, found: StreamMark) -> bool:
    """Whether the stream still has all that it was known to have."""
    return known.created_at == found.created_at and known.last_sequence <= found.last_sequence


def lost_since(known: StreamMark, seen: StreamSeen, last_at: datetime | None) -> datetime:
    """What was published before this moment is still there, or would have expired; `last_at` is the time of the last
    message, None when that is gone or there is none."""
    if known.created_at != seen.mark.created_at:
        kept = timedelta(seconds=seen.kept_seconds)
        return seen.mark.created_at - kept - SKEW if kept else BEGINNING
    return (last_at or seen.mark.created_at) - SKEW
