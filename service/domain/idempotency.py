"""A call that its caller may repeat: the key it goes by, and an answer that may be one given before.

The edge reads the key and answers; the stores keep the answer beside what the call changed, under that key.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Idem:
    """A caller's idempotency key: `scope` keeps callers apart, `digest` tells a repetition from a conflict."""

    scope: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Replayable(Generic[T]):
    """An answer, and whether it repeats one that was given before."""

    value: T
    replay: bool = False
