"""Times and durations as people write and read them.

Written: `30s`, `15m`, `2h`, `7d`, `1w` and sums of them (`1h30m`), or a date with or without a time, which is local
unless it names a zone. Read: local time with how long ago it was.
"""

import re
from datetime import UTC, datetime, timedelta
from math import inf

from service.console.exits import USAGE, Failed

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LARGEST = {"s": 60, "m": 60, "h": 24, "d": inf}
_SPAN = re.compile(r"([0-9]{1,12}[smhdw]){1,9}")
_PART = re.compile(r"([0-9]{1,12})([smhdw])")


def span(text: str) -> int | None:
    """Seconds; None for what is no duration."""
    if not _SPAN.fullmatch(text):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def ago(text: str | None) -> str | None:
    """A moment as the wire writes it; `2h` is two hours before now. Raises Failed (usage)."""
    return _moment(text, -1)


def ahead(text: str | None) -> str | None:
    """A moment as the wire writes it; `2h` is in two hours. Raises Failed (usage)."""
    return _moment(text, 1)


def _moment(text: str | None, direction: int) -> str | None:
    if text is None:
        return None
    try:
        seconds = span(text)
        if seconds is not None:
            found = datetime.now(UTC) + direction * timedelta(seconds=seconds)
        else:
            found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failed(f"{text!r} is no time: 2026-11-03, 2026-11-03T09:14:00Z and 2h are", USAGE) from None
    return found.isoformat().replace("+00:00", "Z")


def seconds(text: str) -> int:
    """A duration, `90` being seconds. Raises Failed (usage)."""
    found = int(text) if text.isascii() and text.isdecimal() else span(text)
    if found is None:
        raise Failed(f"{text!r} is no duration: 90, 30s, 15m, 2h, 7d and 1h30m are", USAGE)
    return found


def duration(seconds: float) -> str:
    """In its two largest units: `45s`, `3m 20s`, `2h`, `3d 4h`."""
    left, parts = int(seconds), []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2]) or "0s"


def exactly(seconds: int) -> str:
    """As `span` reads it."""
    left, text = seconds, ""
    for unit in "dhms":
        count, left = divmod(left, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def age(moment: datetime, now: datetime) -> str:
    """How long ago, or how far ahead, in whole units of the largest kind."""
    seconds = (now - moment).total_seconds()
    counts = ((round(abs(seconds) / _UNITS[unit]), most, unit) for unit, most in _LARGEST.items())
    large = next(f"{count}{unit}" for count, most, unit in counts if count < most)
    return f"{large} ago" if seconds >= 0 else f"in {large}"


def written(moment: datetime, now: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S} ({age(moment, now)})"
