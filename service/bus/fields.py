"""Single fields of a record that somebody else wrote: the right kind, of bearable length, or Poison.

An absent field and a null are the same: empty. Limits are in bytes of UTF-8, since these texts become keys of
indexes. Called by the readers of a CloudEvent's attributes and of what is inside.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from service.bus.poison import Poison
from service.bus.strict_json import clean
from service.domain.limits import MAX_KEY_BYTES

Record: TypeAlias = Mapping[str, Any]

MAX_TEXT_BYTES = 65_536
_MAX_DIGITS = 38
_MAX_EXPONENT = 18


def text(record: Record, name: str, limit: int = MAX_KEY_BYTES) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Poison(f"bad_{name}")
    if len(clean(value).encode()) > limit:
        raise Poison(f"long_{name}")
    return value


def required(record: Record, name: str) -> str:
    """A text that says something: neither empty nor blank."""
    value = text(record, name)
    if not value.strip():
        raise Poison(f"missing_{name}")
    return value


def nested(record: Record, name: str) -> Record | None:
    value = record.get(name)
    if value is None or isinstance(value, Mapping):
        return value
    raise Poison(f"bad_{name}")


def timestamp(record: Record, name: str) -> Timestamp | None:
    """An RFC 3339 time; None for an empty text."""
    value = text(record, name)
    if not value:
        return None
    stamp = Timestamp()
    try:
        stamp.FromJsonString(value)
    except (ValueError, OverflowError):
        raise Poison(f"bad_{name}") from None
    return stamp


def moment(record: Record, name: str) -> datetime | None:
    """An RFC 3339 time as UTC; what is finer than microseconds is cut off."""
    stamp = timestamp(record, name)
    return stamp.ToDatetime(tzinfo=UTC) if stamp else None


def money(record: Record, name: str) -> Decimal | None:
    """US dollars to the last digit, from a number or its text; never negative."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise Poison(f"bad_{name}")
    try:
        amount = Decimal(str(value))
    except (ArithmeticError, ValueError):
        raise Poison(f"bad_{name}") from None
    if not amount.is_finite() or amount < 0 or _unwieldy(amount):
        raise Poison(f"bad_{name}")
    return amount


def _unwieldy(amount: Decimal) -> bool:
    return len(amount.as_tuple().digits) > _MAX_DIGITS or abs(amount.adjusted()) > _MAX_EXPONENT
