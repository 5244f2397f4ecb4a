"""What a wall clock shows, minute by minute: the rules for ticks on days with a change of clocks, told another way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def shown(timezone: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, list[datetime]]]:
    """Each minute from `start` up to `end`, and the local minutes that are new on the clock, the ones it jumps over
    included. `start` lies on a day without a change."""
    zone = ZoneInfo(timezone)
    newest = _local(start - MINUTE, zone)
    while start < end:
        local = _local(start, zone)
        count = max(0, (local - newest) // MINUTE)
        yield start, [newest + n * MINUTE for n in range(1, count + 1)]
        newest, start = max(newest, local), start + MINUTE


def daily(hour: int, minute: int, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """The ticks of `<minute> <hour> * * *`."""
    return [
        moment
        for moment, locals_ in shown(timezone, start, end)
        if any((local.hour, local.minute) == (hour, minute) for local in locals_)
    ]


def every(minutes: int, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """The ticks of `*/<minutes> * * * *`."""
    return [
        moment
        for moment, locals_ in shown(timezone, start, end)
        if any(local.minute % minutes == 0 for local in locals_)
    ]


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
