"""When a cron expression ticks: five fields, read on the wall clock of a time zone, given in UTC.

A tick is a whole minute. Two rules make every day of the year have the ticks that its wall clock shows, once:

- a local time that does not exist (clocks go forward over it) ticks at the first moment after the gap; several such
  times, and a tick that is due at that moment anyway, are one tick;
- a local time that happens twice (clocks go back over it) ticks the first time only.

Local times therefore never go back, and neither do ticks. Whether an expression can be read and ever fires is checked
at publish (`publish.triggers.bad_cron`). Called by `schedule` and by whoever shows or repeats ticks.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter

MINUTE = timedelta(minutes=1)
_MACHINES_OWN = frozenset({"localtime", "Factory"})


@cache
def timezones() -> frozenset[str]:
    """The IANA names that a schedule may have."""
    return frozenset(available_timezones()) - _MACHINES_OWN


def ticks_after(cron_expr: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """All ticks later than that moment, in order, without an end."""
    zone = ZoneInfo(timezone)
    last = after
    for local in croniter(cron_expr, _wall_clock(after, zone)).all_next(datetime):
        moment = _moment(local, zone)
        if moment > last:
            last = moment
            yield moment


def ticks(cron_expr: str, timezone: str, start: datetime, end: datetime, limit: int) -> list[datetime]:
    """The first ticks from `start` to `end`, both included."""
    following = ticks_after(cron_expr, timezone, start - timedelta.resolution)
    return list(islice(takewhile(lambda tick: tick <= end, following), limit))


def _wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    """When that wall clock shows this, the first time; the end of the gap when it never does."""
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    return moment if _wall_clock(moment, zone) == local else _end_of_gap(local, zone)


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """Read by the clock before the change the local time lies after it; read by the clock after it, before."""
    after = local.replace(tzinfo=zone).astimezone(UTC)
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    changed = after.astimezone(zone).utcoffset()
    minutes = range((after - before) // MINUTE)
    first = bisect_left(minutes, True, key=lambda n: (before + n * MINUTE).astimezone(zone).utcoffset() == changed)
    return before + first * MINUTE
