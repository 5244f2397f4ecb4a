"""What is common to every method of a sibling: where it lives, and how its reply is read.

Each sibling's module builds its requests and declares its methods; `table` collects them. A reply is either
readable, and then an `Answer` or the sibling's own no as a `Fault`, or it is `Garbled`: an empty reply parses
as a message whose fields are all unset, so every reader demands what it cannot do without.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
from google.protobuf.message import DecodeError, Message

from service.domain.definition import Payload
from service.domain.effects import Answer, Fault

SURFACE = "workflows"
"""What siblings are told about where a request came from."""

Reply = TypeVar("Reply", bound=Message)


class Garbled(Exception):
    """A reply that does not parse, or lacks what makes it an answer."""


@dataclass(frozen=True, slots=True)
class Method(Generic[Reply]):
    """`path` is the full name of the method as gRPC spells it."""

    sibling: str
    path: str
    reply: type[Reply]
    read: Callable[[Reply], Answer | Fault]

    def parse(self, raw: bytes) -> Answer | Fault:
        """Reads a reply. Raises Garbled."""
        try:
            reply = self.reply.FromString(raw)
        except DecodeError as error:
            raise Garbled(f"not a {self.reply.DESCRIPTOR.full_name}") from error
        return self.read(reply)


def demand(value: str, what: str) -> str:
    """The value, which must not be empty. Raises Garbled."""
    if not value:
        raise Garbled(f"the reply has no {what}")
    return value


def json_bytes(payload: Payload) -> bytes:
    """JSON with sorted keys: equal payloads give equal bytes. Raises TypeError for what is not JSON-
    shaped."""
    return orjson.dumps(payload, default=dict, option=orjson.OPT_SORT_KEYS)
