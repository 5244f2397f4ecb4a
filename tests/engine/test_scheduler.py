"""Three replicas, one database, a clock that jumps: exactly the runs that there should be, none twice, none early."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

import pytest

from service.domain.definition import Schemas, TriggerType
from service.domain.errors import Kind, Refusal
from service.domain.schedule import Overlap, next_move, tick_key
from service.store.reads import Reads
from service.store.schemas import VersionSchemas
from tests.domain.walls import daily, every, utc
from tests.engine.calendar import Calendar, calendar

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = utc(2026, 3, 2, 12)

CHANGES = {
    "Berlin forward": ("Europe/Berlin", utc(2026, 3, 29)),
    "Berlin back": ("Europe/Berlin", utc(2026, 10, 25)),
    "New York forward": ("America/New_York", utc(2026, 3, 8)),
    "New York back": ("America/New_York", utc(2026, 11, 1)),
}


@pytest.fixture
async def one(database: str) -> AsyncIterator[Calendar]:
    async with calendar(database, NOON - MINUTE) as found:
        yield found


def jumps(start: datetime, end: datetime) -> list[datetime]:
    """Mostly on by some minutes, now and then back, now and then over hours."""
    random, now, shown = Random(7), start, []
    while now < end:
        now += random.choice([*[timedelta(minutes=random.randint(1, 29))] * 12, -20 * MINUTE, 3.2 * HOUR])
        shown.append(now)
    return shown


def expected(ticks: list[datetime], clock: list[datetime], start: datetime) -> tuple[list[str], int]:
    """The last of the ticks that are new at each look at the clock, and how many the others are."""
    run, missed, seen = [], 0, start
    for now in clock:
        new = [tick for tick in ticks if seen < tick <= now]
        run += [tick_key(tick) for tick in new[-1:]]
        missed += len(new[:-1])
        seen = max(seen, now)
    return run, missed


@pytest.mark.parametrize("change", CHANGES)
async def test_the_exact_runs_of_days_on_which_clocks_change(database: str, change: str) -> None:
    zone, day = CHANGES[change]
    start, end = day - DAY, day + 2 * DAY
    clock = jumps(start, end)
    async with calendar(database, start, replicas=3) as three:
        wanted = {
            await three.publish("*/30 * * * *", timezone=zone): every(30, zone, start, end + DAY),
            await three.publish("*/20 1-3 * * *", timezone=zone): [
                tick
                for hour in (1, 2, 3)
                for minute in (0, 20, 40)
                for tick in daily(hour, minute, zone, start, end + DAY)
            ],
            await three.publish("30 2 * * *", timezone=zone): daily(2, 30, zone, start, end + DAY),
        }
        for now, latest in zip(clock, accumulate(clock, max), strict=True):
            await three.at(now)
            assert await three.newest() <= tick_key(latest)
        for definition, ticks in wanted.items():
            run, missed = expected(sorted(set(ticks)), clock, start)
            assert await three.ticked(definition) == run
            assert (await three.schedule(definition)).missed == missed


# --- while the last run goes on --------------------------------------------------------------------------------------


async def test_allow_starts_whatever_goes_on(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    for hours in range(3):
        await one.at(NOON + hours * HOUR)
    assert await one.states(hourly) == ["RUNNING"] * 3


async def test_skip_leaves_a_tick_out_while_the_last_run_goes_on(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.SKIP)
    await one.at(NOON)
    await one.at(NOON + HOUR)
    [(_, first)] = await one.runs(hourly)
    await one.end(first)
    await one.at(NOON + 2 * HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z", "2026-03-02T14:00Z"]
    assert (await one.schedule(hourly)).skipped == 1


async def test_buffer_one_starts_one_tick_when_the_last_run_has_ended(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.BUFFER_ONE)
    for hours in range(4):
        await one.at(NOON + hours * HOUR)
    [(_, first)] = await one.runs(hourly)
    await one.end(first)
    await one.at(NOON + 3 * HOUR + MINUTE)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z", "2026-03-02T13:00Z"]
    found = await one.schedule(hourly)
    assert (found.skipped, found.buffered_at, found.next_at) == (2, None, NOON + 4 * HOUR)


async def test_a_buffered_tick_and_the_next_one_take_turns(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.BUFFER_ONE)
    await one.at(NOON)
    await one.at(NOON + HOUR)
    [(_, first)] = await one.runs(hourly)
    await one.end(first)
    await one.at(NOON + 2 * HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z", "2026-03-02T13:00Z"]
    assert (await one.schedule(hourly)).buffered_at == NOON + 2 * HOUR


async def test_cancel_other_cancels_the_last_run_first(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.CANCEL_OTHER)
    for hours in range(3):
        await one.at(NOON + hours * HOUR)
    assert await one.states(hourly) == ["CANCELLED", "CANCELLED", "RUNNING"]


# --- schemas ---------------------------------------------------------------------------------------------------------


async def test_a_tick_whose_input_does_not_conform_is_skipped(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.BUFFER_ONE)
    await one.at(NOON)
    schemas = VersionSchemas(one.pool, one.reading)
    await schemas.put(hourly, 1, Schemas(0, {"required": ["email"]}), None, "user:ann", None)
    await one.at(NOON + HOUR)
    [(_, first)] = await one.runs(hourly)
    await one.end(first)
    for hours in (2, 3):
        await one.at(NOON + hours * HOUR)
    found = await one.schedule(hourly)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z"]
    assert (found.skipped, found.buffered_at, found.next_at) == (3, None, NOON + 4 * HOUR)
    await schemas.put(hourly, 1, Schemas(0, {"required": ["scheduled_at"]}), None, "user:ann", None)
    await one.at(NOON + 4 * HOUR)
    assert (await one.ticked(hourly))[1:] == ["2026-03-02T16:00Z"]


# --- downtime, pause, publishing -------------------------------------------------------------------------------------


async def test_after_a_downtime_one_run_makes_up_for_all(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    never = await one.publish("30 12 * * *", catch_up_seconds=60)
    await one.at(NOON + 7.5 * HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T19:00Z"]
    assert await one.ticked(never) == []
    assert ((await one.schedule(hourly)).missed, (await one.schedule(never)).missed) == (7, 1)


async def test_a_pause_starts_nothing_and_is_not_made_up_for(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.schedules.pause(hourly, "holidays", None, "user:ann", None)
    await one.at(NOON + 2.5 * HOUR)
    await one.schedules.resume(hourly, None, None)
    await one.at(NOON + 2.6 * HOUR)
    assert await one.ticked(hourly) == []
    await one.at(NOON + 3 * HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T15:00Z"]
    assert (await one.schedule(hourly)).missed == 0


async def test_what_was_buffered_is_not_started_after_a_pause(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.BUFFER_ONE)
    await one.at(NOON)
    await one.at(NOON + HOUR)
    await one.schedules.pause(hourly, "", None, "user:ann", None)
    [(_, first)] = await one.runs(hourly)
    await one.end(first)
    await one.schedules.resume(hourly, None, None)
    await one.at(NOON + HOUR + MINUTE)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z"]


async def test_a_disabled_definition_starts_nothing(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.enable(hourly, False)
    await one.at(NOON + 2.5 * HOUR)
    with pytest.raises(Refusal, match="is disabled"):
        await one.book.backfill(hourly, NOON, NOON, None)
    await one.enable(hourly, True)
    await one.at(NOON + 3 * HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T15:00Z"]
    assert (await one.schedule(hourly)).missed == 0


async def test_a_new_version_without_a_schedule_ends_it(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.at(NOON)
    await one.publish(None, hourly)
    await one.at(NOON + HOUR)
    assert await one.ticked(hourly) == ["2026-03-02T12:00Z"]


async def test_a_run_is_of_the_latest_version_and_knows_its_tick(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.publish("0 * * * *", hourly)
    await one.at(NOON)
    [(_, run_id)] = await one.runs(hourly)
    run = await Reads(one.reading).run(run_id, None)
    assert run is not None
    assert (run.definition_version, run.trigger_type) == (2, TriggerType.SCHEDULE)
    assert run.input_payload == {"scheduled_at": "2026-03-02T12:00Z"}
    assert run.trigger_event_id == f"tick:{hourly}:2026-03-02T12:00Z"


# --- backfill --------------------------------------------------------------------------------------------------------


async def test_a_backfill_starts_what_is_missing_and_nothing_twice(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.at(NOON)
    first = await one.book.backfill(hourly, NOON - 2 * HOUR, NOON, "ws_1")
    assert [(tick_key(tick.tick), tick.fresh) for tick in first] == [
        ("2026-03-02T10:00Z", True),
        ("2026-03-02T11:00Z", True),
        ("2026-03-02T12:00Z", False),
    ]
    again = await one.book.backfill(hourly, NOON - 2 * HOUR, NOON, "ws_1")
    assert [(tick.run_id, tick.fresh) for tick in again] == [(tick.run_id, False) for tick in first]
    assert [run_id for _, run_id in await one.runs(hourly)] == [tick.run_id for tick in first]


async def test_a_backfill_is_bounded_and_starts_nothing_early(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.clock.set(NOON)
    for start, end, reason in (
        (NOON, NOON + HOUR, "in_the_future"),
        (NOON - 100 * HOUR, NOON, "too_many_ticks"),
    ):
        with pytest.raises(Refusal) as refused:
            await one.book.backfill(hourly, start, end, None)
        assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, reason)
    with pytest.raises(Refusal, match="has no schedule"):
        await one.book.backfill(hourly, NOON - HOUR, NOON, "ws_2")
    assert await one.runs(hourly) == []


# --- a replica that dies ---------------------------------------------------------------------------------------------


async def test_a_claim_that_died_after_the_start_is_repeated_without_a_second_run(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *", overlap=Overlap.CANCEL_OTHER)
    await one.clock.set(NOON)
    [claimed] = await one.schedules.claim_schedules(10, 30)
    await one.replicas[0].scheduler.start_ticks(claimed.schedule, [NOON])
    await one.at(NOON + timedelta(seconds=20))
    assert (await one.schedule(hourly)).next_at == NOON
    await one.at(NOON + timedelta(seconds=31))
    assert (await one.schedule(hourly)).next_at == NOON + HOUR
    assert await one.states(hourly) == ["RUNNING"]
    assert (await one.schedule(hourly)).last_run_id == (await one.runs(hourly))[0][1]


async def test_who_comes_late_with_a_move_changes_nothing(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.clock.set(NOON)
    [claimed] = await one.schedules.claim_schedules(10, 30)
    await one.at(NOON + timedelta(seconds=31))
    before = await one.schedule(hourly)
    late = next_move(claimed.schedule, claimed.now, going=False, enabled=True)
    await one.schedules.move_on(claimed.schedule, late, before.last_run_id)
    assert await one.schedule(hourly) == before


async def test_a_tick_whose_run_was_purged_has_had_its_run(one: Calendar) -> None:
    hourly = await one.publish("0 * * * *")
    await one.at(NOON)
    [(_, first)] = await one.runs(hourly)
    await one.owner.execute("delete from workflow_runs; delete from changes where aggregate in ('run', 'step')")
    [ticked] = await one.book.backfill(hourly, NOON, NOON, None)
    assert (ticked.run_id, ticked.fresh) == (first, False)
    assert await one.runs(hourly) == []
