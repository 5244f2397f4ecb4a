"""Spans as the engine and the edge tell them: whoever does something says so, and goes on with the span's trace.

`Tracer` is satisfied by `service.tracing` where spans are wanted. Everywhere else `UNTRACED` stands in its place, whose
spans are nobody's and hand the trace on as it came: so there is one path, and a trace goes through this service from
cause to effect whether or not somebody records it. Told are ids, kinds and counts, never payloads or messages.
"""

from collections.abc import Iterable
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self


class SpanRole(StrEnum):
    """Whose side of an exchange a span is."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class Span(Protocol):
    """Begins when it is entered, ends when it is left. An exception that passes through marks it as failed."""

    @property
    def trace(self) -> str:
        """What everything that is done on its behalf goes on with. Known once it is entered."""
        ...

    @property
    def recording(self) -> bool:
        """Whether somebody looks: what is costly to tell may be left out where nobody does."""
        ...

    def tell(self, **about: str | int) -> None: ...

    def note(self, what: str) -> None:
        """Something that happened just now."""
        ...

    def fail(self, reason: str) -> None:
        """`reason` is a stable word, not a message."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Tracer(Protocol):
    def span(
        self, name: str, trace: str, role: SpanRole = SpanRole.INTERNAL, links: Iterable[str] = (), **about: str | int
    ) -> Span:
        """A span caused by `trace`, the first of a trace of its own when that is empty; `links` are traces that it has
        to do with beside that."""
        ...


class Unwatched:
    """A span that nobody sees."""

    __slots__ = ("trace",)
    recording = False

    def __init__(self, trace: str) -> None:
        self.trace = trace

    def tell(self, **about: str | int) -> None:
        pass

    def note(self, what: str) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        pass


class Untraced:
    def span(
        self, name: str, trace: str, role: SpanRole = SpanRole.INTERNAL, links: Iterable[str] = (), **about: str | int
    ) -> Unwatched:
        return Unwatched(trace)


UNTRACED = Untraced()
