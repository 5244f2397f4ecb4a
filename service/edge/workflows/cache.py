"""Bytes of immutable values, remembered by identity.

States are never changed in place, so a value that is the same object renders to the same bytes. The entry holds the
value, so its id cannot be taken by another while it is here. Bounded by the bytes kept; the oldest go first. Called by
`run_messages`: an answer about a run converts only what the last change touched.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class IdentityCache:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: dict[int, tuple[object, bytes]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, value: T, render: Callable[[T], bytes]) -> bytes:
        kept = self._kept.get(id(value))
        if kept is not None:
            return kept[1]
        data = render(value)
        self._keep(value, data)
        return data

    def _keep(self, value: object, data: bytes) -> None:
        self._kept[id(value)] = (value, data)
        self._bytes += len(data)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.pop(next(iter(self._kept)))
            self._bytes -= len(oldest)
