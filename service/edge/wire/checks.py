"""Collects everything that is wrong with one request, so that a caller hears all of it at once.

A check never raises: it notes a violation with the field's path and gives back a value that is safe to go on with;
`settle` raises at the end. Paths are the wire's names (`steps[3].config.amount`). Called by the modules that parse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from service.domain.errors import Kind, Refusal, Violation
from service.domain.limits import MAX_ID, MAX_NAME
from service.domain.workspaces import has_control
from service.edge.wire import payloads

MAX_TAGS = 64
MAX_TAG = 64
MAX_LONG_TEXT = 10_000
MAX_TEXT = 2_000
MAX_COST_USD = 1e9
DEFAULT_LIMIT = 50
MAX_LIMIT = 500

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Window:
    limit: int
    offset: int


class Checks:
    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._prefix = ""

    @classmethod
    def of(cls, request: Message) -> "Checks":
        """The checks of a request, its own texts looked at."""
        checks = cls()
        checks.texts(request)
        return checks

    def within(self, prefix: str) -> "Checks":
        """Checks of a message inside this one: what they note is noted here, under the prefix."""
        inner = Checks()
        inner.violations, inner._prefix = self.violations, self._prefix + prefix
        return inner

    def note(self, path: str, reason: str, message: str) -> None:
        self.violations.append(Violation(self._prefix + path, reason, message))

    def settle(self) -> None:
        """Raises Refusal with all violations if there are any; its reason is the first one's."""
        if self.violations:
            raise refusal(self.violations)

    def texts(self, message: Message, prefix: str = "") -> None:
        """No NUL in any text of this message; messages inside it are not looked into."""
        for field, value in message.ListFields():
            if field.type == field.TYPE_STRING and _has_nul(value):
                self.note(prefix + field.name, "nul_character", "holds a NUL character")

    def id(self, path: str, value: str, *, required: bool = False) -> str:
        if not value.strip():
            if required:
                self.note(path, "required", "is required")
            elif value:
                self.note(path, "blank", "is blank")
        elif len(value) > MAX_ID:
            self.note(path, "too_long", f"is longer than {MAX_ID} characters")
        return value

    def workspace(self, value: str, *, required: bool = False) -> str:
        """The field `workspace_id`."""
        if value.strip() and self._has_control("workspace_id", value):
            return value
        return self.id("workspace_id", value, required=required)

    def name(self, path: str, value: str) -> str:
        if not value.strip():
            self.note(path, "required", "is required")
        elif len(value) > MAX_NAME:
            self.note(path, "too_long", f"is longer than {MAX_NAME} characters")
        return value

    def tags(self, path: str, values: Sequence[str]) -> tuple[str, ...]:
        if len(values) > MAX_TAGS:
            self.note(path, "too_many", f"are more than {MAX_TAGS}")
            return ()
        for index, value in enumerate(values):
            self.tag(f"{path}[{index}]", value, required=True)
        return tuple(values)

    def tag(self, path: str, value: str, *, required: bool = False) -> str:
        if len(value) > MAX_TAG:
            self.note(path, "too_long", f"is longer than {MAX_TAG} characters")
        elif not value.strip() and (required or value):
            self.note(path, "blank", "is blank")
        else:
            self._has_control(path, value)
        return value

    def _has_control(self, path: str, value: str) -> bool:
        found = "\0" not in value and has_control(value)  # NUL has a reason of its own, see `texts`
        if found:
            self.note(path, "control_character", "holds a control character or a line break")
        return found

    def text(self, path: str, value: str, *, required: bool = False, most: int = MAX_TEXT) -> str:
        """What a person wrote, of at most so many characters."""
        if required and not value.strip():
            self.note(path, "required", "is required")
        elif len(value) > most:
            self.note(path, "too_long", f"is longer than {most} characters")
        return value

    def moment(self, path: str, value: Timestamp) -> datetime | None:
        """UTC; None for what is no moment of the years 1 to 9999."""
        try:
            return value.ToDatetime(UTC)
        except ValueError:
            self.note(path, "out_of_range", "is not a moment of the years 1 to 9999")
            return None

    def not_negative(self, path: str, value: int) -> int:
        if value < 0:
            self.note(path, "negative", "is negative")
        return value

    def window(self, limit: int, offset: int) -> Window:
        """A limit of 0 is the default, a huge one is clamped."""
        self.not_negative("limit", limit)
        self.not_negative("offset", offset)
        return Window(min(limit, MAX_LIMIT) or DEFAULT_LIMIT, offset)

    def member(self, path: str, number: int, known: Mapping[int, E]) -> E | None:
        """The enum's member; None when it was not said, and when it is unknown, which is noted."""
        if number and number not in known:
            self.note(path, "unknown_enum_value", "is not a known value")
        return known.get(number)

    def payload(self, path: str, struct: Struct) -> dict[str, Any]:
        try:
            return payloads.read(struct)
        except payloads.BadPayload as bad:
            self.note(path + bad.path, bad.reason, bad.message)
            return {}

    def cost(self, path: str, value: float) -> Decimal | None:
        """Exact decimal of what the sender wrote; 0 is the wire's way of not saying."""
        if not isfinite(value):
            self.note(path, "not_finite", "is not a finite number")
        elif value < 0:
            self.note(path, "negative", "is negative")
        elif value > MAX_COST_USD:
            self.note(path, "out_of_range", "is absurdly large")
        elif value:
            return Decimal(repr(value))
        return None


def refusal(violations: Sequence[Violation]) -> Refusal:
    first = violations[0]
    others = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    message = f"{first.path}: {first.message}{others}" if first.path else first.message + others
    return Refusal(Kind.INVALID, first.reason, message, tuple(violations))


def _has_nul(value: Any) -> bool:
    return "\0" in value if isinstance(value, str) else any("\0" in item for item in value)
