"""The few bytes of the protobuf wire that let rendered messages be put together without parsing them again.

A message inside another one is its field's tag, its length and its bytes, in any order; concatenating such fields is
the outer message. Called by those who render.
"""

FRAME = 8
"""Bytes; more than the tag and the length of a field."""

_LENGTH_DELIMITED = 2


def field(number: int, data: bytes) -> bytes:
    """A message (or text) as field `number`, below 16, of an outer message."""
    return bytes((number << 3 | _LENGTH_DELIMITED,)) + _varint(len(data)) + data


def integer(number: int, value: int) -> bytes:
    """A non-negative int32 as field `number`, below 16; zero is not on the wire."""
    return bytes((number << 3,)) + _varint(value) if value else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
