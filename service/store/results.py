"""What the store answers the edge beside domain values, and what it takes from it.

The takers are protocols, so the edge's own request types fit as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from service.domain.definition import Definition, Version
from service.domain.state import RunState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first, and how many there are under the same filter."""

    rows: Sequence[T]
    total: int


@dataclass(frozen=True, slots=True)
class Replayable(Generic[T]):
    """An answer, and whether it repeats one that was given before."""

    value: T
    replay: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    version: Version
    definition: Definition


class Idem(Protocol):
    """A caller's idempotency key: `scope` keeps callers apart, `digest` tells a repetition from a conflict."""

    @property
    def scope(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def digest(self) -> bytes: ...


class RunFilter(Protocol):
    """Empty text and None match everything; what is given must all match."""

    @property
    def workspace_id(self) -> str | None: ...

    @property
    def definition_id(self) -> str: ...

    @property
    def state(self) -> RunState | None: ...

    @property
    def entity_id(self) -> str: ...

    @property
    def initiator_agent_id(self) -> str: ...
