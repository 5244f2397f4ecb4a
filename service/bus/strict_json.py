"""JSON from strangers: read exactly, then cut down to what can be stored and read again.

`parse` keeps numbers exact, as Decimal or int, because money must not pass through a double. `plain` gives the
JSON-shaped value that travels on: doubles, no NUL and no lone surrogate (PostgreSQL refuses both), nothing nested
deeper than a payload may be. Whatever fails here is Poison, never another exception. Called by the readers of
incoming messages only.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, NoReturn

from service.bus.poison import Poison
from service.domain.definition import Json
from service.domain.limits import MAX_DEPTH

_EXACT_IN_A_DOUBLE = 2**53


def parse(text: bytes) -> Any:
    """The value with exact numbers. Raises Poison for anything that RFC 8259 does not allow."""
    try:
        return json.loads(text.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, ArithmeticError, RecursionError):
        raise Poison("bad_json") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def plain(value: Any, depth: int = 0) -> Json:
    """The same value as it may be stored. Numbers beyond 2^53 lose precision, as they do in a Struct."""
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value)
    if depth == MAX_DEPTH:
        raise Poison("too_deep")
    if isinstance(value, Mapping):
        return {clean(key): plain(item, depth + 1) for key, item in value.items()}
    return [plain(item, depth + 1) for item in value]


def clean(text: str) -> str:
    """The text itself, when PostgreSQL can hold it."""
    if "\0" in text:
        raise Poison("nul_character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Poison("lone_surrogate")
    return text


def _number(value: int | float | Decimal) -> int | float:
    if isinstance(value, int) and abs(value) <= _EXACT_IN_A_DOUBLE:
        return value
    try:
        number = float(value)
    except OverflowError:
        raise Poison("huge_number") from None
    if not isfinite(number):
        raise Poison("huge_number")
    return number
