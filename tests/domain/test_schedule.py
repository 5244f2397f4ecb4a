"""What a schedule does with its ticks: on time, late, after a downtime, while the last run still goes on."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.domain.schedule import MOST_TICKS, Move, Overlap, Schedule, SchedulePolicy, next_move, stand, tick_key
from tests.domain.walls import utc

NOON = utc(2026, 3, 2, 12)
HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=300)


def schedule(cron: str = "0 * * * *", next_at: datetime = NOON, **policy: Any) -> Schedule:
    made = SchedulePolicy(**policy)
    return Schedule("wf_1", "ws_1", cron, made, *stand("wf_1", cron, made, next_at - timedelta.resolution))


def done(standing: Schedule, now: datetime, *, going: bool = False, enabled: bool = True) -> Move:
    return next_move(standing, now, enabled=enabled, going=going)


def test_a_tick_is_started_and_the_next_one_awaited() -> None:
    assert done(schedule(), NOON + MOMENT) == Move(NOON + HOUR, NOON + HOUR, start=NOON)


def test_nothing_is_early() -> None:
    """A claim made just before the clock was put back."""
    assert done(schedule(), NOON - MOMENT) == Move(NOON, NOON)


@pytest.mark.parametrize(
    ("late", "window", "started"),
    [
        (timedelta(seconds=59), 0, True),
        (timedelta(seconds=61), 0, False),
        (timedelta(seconds=599), 600, True),
        (timedelta(seconds=601), 600, False),
    ],
)
def test_a_late_tick_is_made_up_for_within_the_window(late: timedelta, window: int, started: bool) -> None:
    expected = {"start": NOON} if started else {"missed": 1}
    assert done(schedule(catch_up_seconds=window), NOON + late) == Move(NOON + HOUR, NOON + HOUR, **expected)


def test_of_several_missed_ticks_only_the_last_is_made_up_for() -> None:
    assert done(schedule(), NOON + 5.5 * HOUR) == Move(NOON + 6 * HOUR, NOON + 6 * HOUR, NOON + 5 * HOUR, missed=5)


def test_a_downtime_longer_than_the_window_is_only_counted() -> None:
    weekly = schedule("0 12 * * 1", catch_up_seconds=3600)
    assert done(weekly, NOON + timedelta(days=15)) == Move(utc(2026, 3, 23, 12), utc(2026, 3, 23, 12), missed=3)


def test_a_long_downtime_is_counted_in_several_moves() -> None:
    standing, now, missed, started = schedule("* * * * *"), NOON + timedelta(days=1, seconds=30), 0, []
    while standing.due_at <= now:
        taken = done(standing, now)
        missed += taken.missed
        started += [taken.start] if taken.start else []
        assert taken.next_at - standing.next_at <= MOST_TICKS * timedelta(minutes=1)
        standing = replace(standing, next_at=taken.next_at, due_at=taken.due_at)
    assert (missed, started) == (1440, [NOON + timedelta(days=1)])


def test_a_disabled_definition_moves_on_in_silence() -> None:
    assert done(schedule(), NOON + 2.5 * HOUR, enabled=False) == Move(NOON + 3 * HOUR, NOON + 3 * HOUR)


# --- while the last run goes on --------------------------------------------------------------------------------------

NEXT = (NOON + HOUR, NOON + HOUR)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.ALLOW, Move(*NEXT, start=NOON)),
        (Overlap.SKIP, Move(*NEXT, skipped=1)),
        (Overlap.BUFFER_ONE, Move(*NEXT, buffered_at=NOON)),
        (Overlap.CANCEL_OTHER, Move(*NEXT, start=NOON, cancel_last=True)),
    ],
)
def test_overlap(overlap: Overlap, expected: Move) -> None:
    assert done(schedule(overlap=overlap), NOON + MOMENT, going=True) == expected
    assert done(schedule(overlap=overlap), NOON + MOMENT) == Move(*NEXT, start=NOON)


def test_only_one_is_buffered() -> None:
    standing = replace(schedule(overlap=Overlap.BUFFER_ONE), buffered_at=NOON - HOUR)
    assert done(standing, NOON + MOMENT, going=True) == Move(*NEXT, buffered_at=NOON - HOUR, skipped=1)


def test_what_was_buffered_goes_first_and_leaves_the_rest_as_it_is() -> None:
    standing = replace(schedule(overlap=Overlap.BUFFER_ONE), buffered_at=NOON - HOUR)
    assert done(standing, NOON + MOMENT) == Move(NOON, NOON, start=NOON - HOUR)


def test_missed_ticks_do_not_touch_what_was_buffered() -> None:
    standing = replace(schedule(overlap=Overlap.BUFFER_ONE, catch_up_seconds=0), buffered_at=NOON - HOUR)
    assert done(standing, NOON + HOUR / 2, going=True) == Move(*NEXT, buffered_at=NOON - HOUR, missed=1)


# --- jitter ----------------------------------------------------------------------------------------------------------


def test_jitter_is_the_same_for_the_same_tick_and_spreads_definitions() -> None:
    policy = SchedulePolicy(jitter_seconds=600)
    delays = {
        definition: stand(definition, "0 * * * *", policy, NOON).due_at - NOON - HOUR
        for definition in (f"wf_{n}" for n in range(200))
    }
    assert all(timedelta(0) <= delay <= timedelta(seconds=600) for delay in delays.values())
    assert len(set(delays.values())) > 100
    assert stand("wf_7", "0 * * * *", policy, NOON).due_at - NOON - HOUR == delays["wf_7"]


def test_jitter_never_reaches_the_next_tick() -> None:
    policy = SchedulePolicy(jitter_seconds=86_400)
    stands = [stand("wf_1", "* * * * *", policy, NOON + timedelta(minutes=n)) for n in range(300)]
    assert all(standing.due_at - standing.tick < timedelta(minutes=1) for standing in stands)


def test_a_tick_waits_for_its_jitter() -> None:
    standing = schedule(jitter_seconds=600)
    assert standing.due_at > NOON
    assert done(standing, standing.due_at - MOMENT).start is None
    assert done(standing, standing.due_at).start == NOON


def test_the_key_of_a_tick_is_its_minute_in_utc() -> None:
    assert tick_key(NOON) == "2026-03-02T12:00Z"
