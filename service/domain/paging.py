"""A page of a list, as it is read from the store and rendered by the edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page, newest first, and how many there are under the same filter."""

    rows: Sequence[T]
    total: int
