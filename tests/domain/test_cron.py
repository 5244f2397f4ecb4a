"""Ticks on the wall clock: ordinary days, the two odd ones, and those around them against a watched clock."""

from datetime import datetime, timedelta
from itertools import islice

import pytest

from service.domain.cron import ticks, ticks_after, timezones
from tests.domain.walls import daily, every, utc

FORWARD = {"Europe/Berlin": utc(2026, 3, 29), "America/New_York": utc(2026, 3, 8)}
BACK = {"Europe/Berlin": utc(2026, 10, 25), "America/New_York": utc(2026, 11, 1)}


def on(day: datetime, cron: str, timezone: str) -> list[str]:
    return [f"{tick:%H:%M}" for tick in ticks(cron, timezone, day, day + timedelta(hours=23, minutes=59), 100)]


def test_a_local_time_is_meant() -> None:
    assert on(utc(2026, 1, 5), "30 9 * * *", "Europe/Berlin") == ["08:30"]
    assert on(utc(2026, 7, 6), "30 9 * * *", "Europe/Berlin") == ["07:30"]
    assert on(utc(2026, 7, 6), "30 9 * * *", "Asia/Kolkata") == ["04:00"]


def test_a_time_that_does_not_exist_ticks_after_the_gap() -> None:
    assert on(FORWARD["Europe/Berlin"], "30 2 * * *", "Europe/Berlin") == ["01:00"]
    assert on(FORWARD["America/New_York"], "30 2 * * *", "America/New_York") == ["07:00"]


def test_all_times_of_a_gap_and_its_end_are_one_tick() -> None:
    assert on(FORWARD["Europe/Berlin"], "*/20 1-3 * * *", "Europe/Berlin")[:6] == [
        *("00:00", "00:20", "00:40"),
        *("01:00", "01:20", "01:40"),
    ]


def test_a_time_that_happens_twice_ticks_the_first_time() -> None:
    assert on(BACK["Europe/Berlin"], "30 2 * * *", "Europe/Berlin") == ["00:30"]
    assert on(BACK["America/New_York"], "30 1 * * *", "America/New_York") == ["05:30"]


def test_after_the_second_time_the_next_tick_is_another_day() -> None:
    second = utc(2026, 10, 25, 1, 10)  # 02:10 for the second time
    assert next(ticks_after("30 2 * * *", "Europe/Berlin", second)) == utc(2026, 10, 26, 1, 30)


def test_odd_changes_of_clocks() -> None:
    half_an_hour = utc(2026, 10, 3)
    assert on(half_an_hour, "10,20,40 2 * * *", "Australia/Lord_Howe") == ["15:30", "15:40"]
    no_such_day = ticks("0 12 30 12 *", "Pacific/Apia", utc(2011, 1, 1), utc(2012, 12, 1), 9)
    assert no_such_day == [utc(2011, 12, 30, 10)]


def test_in_utc_nothing_is_odd() -> None:
    assert ticks("0 * * * *", "UTC", utc(2026, 3, 28), utc(2026, 3, 30), 100) == [
        utc(2026, 3, 28) + timedelta(hours=n) for n in range(49)
    ]


@pytest.mark.parametrize("days", [FORWARD, BACK])
@pytest.mark.parametrize("timezone", FORWARD)
def test_days_around_a_change_are_what_the_wall_clock_shows(timezone: str, days: dict[str, datetime]) -> None:
    start, end = days[timezone] - timedelta(days=2), days[timezone] + timedelta(days=2)
    for hour in (1, 2, 3):
        assert ticks(f"30 {hour} * * *", timezone, start, end, 99) == daily(hour, 30, timezone, start, end)
    assert ticks("*/15 * * * *", timezone, start, end - timedelta(minutes=1), 999) == every(15, timezone, start, end)


@pytest.mark.parametrize("cron", ["*/7 * * * *", "0 0 29 2 *", "5 4 * * sun", "15 2 * 3,10 6", "0 12 L * *"])
@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_ticks_are_whole_minutes_that_grow(cron: str, timezone: str) -> None:
    found = list(islice(ticks_after(cron, timezone, utc(2026, 3, 7, 11, 59)), 300))
    assert all(tick.second == tick.microsecond == 0 for tick in found)
    assert found == sorted(set(found))


def test_both_ends_are_included_and_the_limit_holds() -> None:
    start, end = utc(2026, 1, 1), utc(2026, 1, 3)
    assert ticks("0 0 * * *", "UTC", start, end, 100) == [start, utc(2026, 1, 2), end]
    assert ticks("0 0 * * *", "UTC", start, end, 2) == [start, utc(2026, 1, 2)]
    assert ticks("0 0 * * *", "UTC", end, start, 2) == []


def test_zones_are_names_that_every_machine_knows_alike() -> None:
    assert {"UTC", "Europe/Berlin", "America/New_York"} <= timezones()
    assert not {"localtime", "Factory", "", "Europe", "../UTC"} & timezones()
