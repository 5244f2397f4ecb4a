"""Struct to dict and back, by hand: the library's own conversions cost several times as much.

Reading checks what could never be stored or read again: nesting, size, NUL (PostgreSQL refuses it), NaN and infinities
(JSON has none). A value without a kind is null; numbers stay doubles, as the JSON mapping says. Writing trusts its
input, which has been through reading or through JSON. Called by `checks` for every payload, and by those who render.
"""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value

from service.domain.limits import MAX_DEPTH, MAX_PAYLOAD_BYTES

_SHOWN_KEY = 64


class BadPayload(Exception):
    """What is wrong, and `path`, where: `.contact.emails[2]` below the payload's own field."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.path = ""


def read(struct: Struct) -> dict[str, Any]:
    """The payload as JSON-shaped values. Raises BadPayload at the first thing that is wrong."""
    if struct.ByteSize() > MAX_PAYLOAD_BYTES:
        raise BadPayload("payload_too_large", f"is over {MAX_PAYLOAD_BYTES // 1024} KiB")
    return _read_object(struct, 1)


def _read_object(struct: Struct, depth: int) -> dict[str, Any]:
    _check_depth(depth)
    found: dict[str, Any] = {}
    key = ""
    try:
        for key, value in struct.fields.items():
            found[_clean(key)] = _read_value(value, depth)
    except BadPayload as bad:
        bad.path = f".{key[:_SHOWN_KEY]}{bad.path}"
        raise
    return found


def _read_list(values: Iterable[Value], depth: int) -> list[Any]:
    _check_depth(depth)
    found: list[Any] = []
    try:
        for value in values:
            found.append(_read_value(value, depth))
    except BadPayload as bad:
        bad.path = f"[{len(found)}]{bad.path}"
        raise
    return found


def _read_value(value: Value, depth: int) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return _clean(value.string_value)
    if kind == "number_value":
        return _finite(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return _read_object(value.struct_value, depth + 1)
    if kind == "list_value":
        return _read_list(value.list_value.values, depth + 1)
    return None


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadPayload("payload_too_deep", f"is nested deeper than {MAX_DEPTH} levels")


def _clean(text: str) -> str:
    if "\0" in text:
        raise BadPayload("nul_character", "holds a NUL character")
    return text


def _finite(number: float) -> float:
    if not isfinite(number):
        raise BadPayload("not_finite", "is not a finite number")
    return number


def write(payload: Mapping[str, Any]) -> bytes:
    """The payload as the bytes of a Struct."""
    struct = Struct()
    _write_object(payload, struct)
    return struct.SerializeToString()


def value(found: Any) -> Value:
    """Any JSON-shaped value as the wire's."""
    slot = Value()
    _write_value(found, slot)
    return slot


def _write_object(payload: Mapping[str, Any], struct: Struct) -> None:
    fields = struct.fields
    for key, value in payload.items():
        _write_value(value, fields[key])


def _write_value(value: Any, slot: Value) -> None:
    kind = type(value)
    if kind is str:
        slot.string_value = value
    elif kind is float or kind is int:
        slot.number_value = value
    elif kind is bool:
        slot.bool_value = value
    elif value is None:
        slot.null_value = NULL_VALUE
    elif isinstance(value, Mapping):
        slot.struct_value.SetInParent()
        _write_object(value, slot.struct_value)
    else:
        slot.list_value.SetInParent()
        for item in value:
            _write_value(item, slot.list_value.values.add())
