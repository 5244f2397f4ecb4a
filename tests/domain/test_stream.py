"""When a stream has lost something, and since when."""

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.stream import BEGINNING, SKEW, StreamMark, StreamSeen, is_whole, lost_since

MADE = datetime(2026, 3, 2, 9, tzinfo=UTC)
AGAIN = MADE + timedelta(days=3)
LAST = MADE + timedelta(days=1)
WEEK = timedelta(days=7)


def mark(created_at: datetime, last_sequence: int) -> StreamMark:
    return StreamMark("workflows_changes", created_at, last_sequence)


@pytest.mark.parametrize(
    ("found", "whole"),
    [
        (mark(MADE, 10), True),
        (mark(MADE, 11), True),
        (mark(MADE, 9), False),
        (mark(AGAIN, 10), False),
        (mark(AGAIN, 11), False),
        (mark(MADE - WEEK, 11), False),
    ],
)
def test_a_whole_stream_is_as_old_and_no_shorter(found: StreamMark, whole: bool) -> None:
    assert is_whole(mark(MADE, 10), found) is whole


@pytest.mark.parametrize(
    ("found", "kept_seconds", "last_at", "since"),
    [
        (mark(AGAIN, 2), WEEK.total_seconds(), AGAIN, AGAIN - WEEK - SKEW),
        (mark(AGAIN, 2), 0.0, AGAIN, BEGINNING),
        (mark(MADE, 7), WEEK.total_seconds(), LAST, LAST - SKEW),
        (mark(MADE, 0), WEEK.total_seconds(), None, MADE - SKEW),
    ],
)
def test_what_was_lost(found: StreamMark, kept_seconds: float, last_at: datetime | None, since: datetime) -> None:
    assert lost_since(mark(MADE, 10), StreamSeen(found, kept_seconds), last_at) == since
