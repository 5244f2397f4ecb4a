"""What is common to every method of a sibling: where it lives, and how its reply is read.

Each sibling's module builds its requests and declares its methods; `table` collects those that are calls of the
engine. A reply is either readable, and then a value or the sibling's own no as a `Fault`, or it is `Garbled`: an empty
reply parses as a message whose fields are all unset, so every reader demands what it cannot do without, and what a
database could not hold is no answer either.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, Protocol, TypeVar

import orjson
from google.protobuf.message import DecodeError, Message

from service.domain.answers import Fault
from service.domain.definition import Payload
from service.domain.limits import MAX_DEPTH

SURFACE = "workflows"
"""What siblings are told about where a request came from."""

Reply = TypeVar("Reply", bound=Message)
Value = TypeVar("Value")


class Garbled(Exception):
    """A reply that does not parse, or lacks what makes it an answer."""


@dataclass(frozen=True, slots=True)
class SiblingMethod(Generic[Reply, Value]):
    """`path` is the full name of the method as gRPC spells it; `absent` what NOT_FOUND means, where it means more
    than that the attempt failed."""

    sibling: str
    path: str
    reply: type[Reply]
    read: Callable[[Reply], Value | Fault]
    absent: Value | Fault | None = None

    def parse(self, raw: bytes) -> Value | Fault:
        """Reads a reply. Raises Garbled."""
        try:
            reply = self.reply.FromString(raw)
        except DecodeError as error:
            raise Garbled(f"not a {self.reply.DESCRIPTOR.full_name}") from error
        value = self.read(reply)
        if not storable(value):
            raise Garbled("the reply holds text or nesting that cannot be stored")
        return value


def demand(value: str, what: str) -> str:
    """The value, which must not be empty. Raises Garbled."""
    if not value:
        raise Garbled(f"the reply has no {what}")
    return value


class Enum(Protocol):
    """A generated enum."""

    def Name(self, number: Any) -> str: ...

    def values(self) -> Collection[int]: ...


def name_of(enum: Enum, number: int, prefix: str) -> str:
    """The enum's name without its prefix; empty for the unspecified and for numbers that have no name."""
    return enum.Name(number).removeprefix(prefix) if number and number in enum.values() else ""


def json_bytes(payload: Payload) -> bytes:
    """JSON with sorted keys: equal payloads give equal bytes. Raises TypeError for what is not JSON-
    shaped."""
    return orjson.dumps(payload, default=dict, option=orjson.OPT_SORT_KEYS)


def json_object(raw: bytes) -> Payload | None:
    """The JSON object in the bytes, or None when there is none that could be passed on."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and storable(value) else None


def storable(value: object, depth: int = MAX_DEPTH) -> bool:
    """PostgreSQL holds no NUL character, and nobody needs bottomless nesting."""
    match value:
        case str():
            return "\0" not in value
        case Mapping():
            return depth > 0 and all(storable(key) and storable(item, depth - 1) for key, item in value.items())
        case list() | tuple():
            return depth > 0 and all(storable(item, depth - 1) for item in value)
        case _ if is_dataclass(value):
            return all(storable(getattr(value, part.name), depth) for part in fields(value))
        case _:
            return True
