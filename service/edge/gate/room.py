"""So many at once, and of them so many for one workspace, so that a busy one leaves room for the others.

Whoever sees every workspace is bounded by the whole alone. Counts of workspaces are forgotten with their last call.
Held by the interceptor for calls, and by `watches`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.domain.errors import Refusal

SHARE = 0.75
"""The part of all that one workspace can take."""


class Room:
    """For `most` at once; one more gets the refusal."""

    def __init__(self, most: int, refusal: Callable[[], Refusal]) -> None:
        self._free = most
        self._share = max(1, int(most * SHARE))
        self._refusal = refusal
        self._taken: Counter[str] = Counter()

    @contextmanager
    def place(self, workspace: str | None) -> Iterator[None]:
        """Held as long as one is inside; `workspace` None is for who sees all of them. Raises the refusal."""
        self._enter(workspace)
        try:
            yield
        finally:
            self._leave(workspace)

    def _enter(self, workspace: str | None) -> None:
        if self._free <= 0 or (workspace is not None and self._taken[workspace] >= self._share):
            raise self._refusal()
        self._free -= 1
        if workspace is not None:
            self._taken[workspace] += 1

    def _leave(self, workspace: str | None) -> None:
        self._free += 1
        if workspace is not None:
            self._taken[workspace] -= 1
            if not self._taken[workspace]:
                del self._taken[workspace]
