"""Why the service says no: one exception, a closed set of kinds, stable reasons.

A `Refusal` is raised by a rule and caught in two places only: by `decide`, which turns it into the verdict of the
one command that broke the rule, and by the edge, whose error table turns its kind into a gRPC status. `reason` is a
stable word for programs, `message` a sentence for people; neither ever holds a payload, a token or a class name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    INVALID = "INVALID"  # the request can never be right
    NOT_FOUND = "NOT_FOUND"  # unknown here, or not this caller's to see
    CONFLICT = "CONFLICT"  # right in itself, wrong in the present state
    EXISTS = "EXISTS"  # the name or key is taken
    UNKNOWN_CALLER = "UNKNOWN_CALLER"  # nobody we know: no token, or none that is good
    DENIED = "DENIED"  # the caller may not
    ABORTED = "ABORTED"  # lost a race; the same call may succeed when repeated
    EXHAUSTED = "EXHAUSTED"  # a limit was reached
    UNAVAILABLE = "UNAVAILABLE"  # something this service needs does not answer


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with one field: its path (`steps[3].condition_expr`), a stable reason and a sentence.

    `offset` is where in an expression, in characters, -1 when nowhere in particular; `suggestion` what may mend it.
    """

    path: str
    reason: str
    message: str
    offset: int = -1
    suggestion: str = ""

    def within(self, owner: str) -> "Violation":
        """The same with its path below that of what the field belongs to."""
        return replace(self, path=f"{owner}.{self.path}")


def path_to(owner: str, parts: Iterable[str | int]) -> str:
    """The path of what is so far below its owner: `config.steps[3].amount`."""
    return owner + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


class Refusal(Exception):
    def __init__(self, kind: Kind, reason: str, message: str, violations: tuple[Violation, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason
        self.message = message
        self.violations = violations

    @property
    def passing(self) -> bool:
        """Whether the same may succeed when it is tried again."""
        return self.kind in (Kind.ABORTED, Kind.UNAVAILABLE, Kind.EXHAUSTED)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Refusal):
            return NotImplemented
        return (self.kind, self.reason, self.message) == (other.kind, other.reason, other.message)

    def __hash__(self) -> int:
        return hash((self.kind, self.reason, self.message))


class RunPurged(Refusal):
    """What would start a run has started one before, and that one was purged; it never starts another."""

    def __init__(self, run_id: str) -> None:
        super().__init__(Kind.NOT_FOUND, "run_purged", f"the run that was started with this, {run_id!r}, was purged")
        self.run_id = run_id


def invalid(path: str, reason: str, message: str) -> Refusal:
    """The refusal of one bad field."""
    return Refusal(Kind.INVALID, reason, message, (Violation(path, reason, message),))


def conflict(reason: str, message: str) -> Refusal:
    return Refusal(Kind.CONFLICT, reason, message)


def key_reused() -> Refusal:
    """A caller's key stands for one request."""
    return Refusal(Kind.EXISTS, "idempotency_conflict", "this key was used with another request")


def not_published() -> Refusal:
    return Refusal(Kind.NOT_FOUND, "not_published", "the definition has no published version yet")


def not_found(what: str, key: str) -> Refusal:
    return Refusal(Kind.NOT_FOUND, f"{what}_not_found", f"{what.replace('_', ' ')} {key!r} was not found")
