"""How many runs a run and its children, and their children, may become.

The depth bounds a line of parents, but each of them may start several children, so that a workflow which calls itself
twice would be tens of thousands of runs before it is too deep. A tree is counted in the database before a child is
started. Counting costs more the larger a tree is, so each count lets a part of what is left start uncounted; several
replicas may therefore overshoot, by little. Asked by `crossing`.
"""

from typing import TypeVar

from service.domain.errors import conflict
from service.engine.ports.runs import RunStore

MOST_RUNS = 10_000
UNCOUNTED = 16
"""Of what is left, the 16th part is not counted: some 150 counts fill a tree."""

_REMEMBERED = 10_000

T = TypeVar("T")


class Trees:
    """`most` runs may be in a tree, its root among them."""

    def __init__(self, store: RunStore, most: int = MOST_RUNS) -> None:
        self._store = store
        self._most = most
        self._roots: dict[str, str] = {}
        self._free: dict[str, int] = {}

    async def check(self, run_id: str, child_id: str) -> None:
        """Call before the run gets that child. Raises Refusal (CONFLICT), StoreUnavailable."""
        root = self._roots.get(run_id, "")
        if self._free.get(root, 0) == 0:
            root = await self._count(run_id)
        self._free[root] -= 1
        _remember(self._roots, child_id, root)

    async def _count(self, run_id: str) -> str:
        root, size = await self._store.tree(run_id, self._most)
        left = self._most - size
        if left <= 0:
            raise conflict("run_too_many_descendants", f"a run and all its descendants are at most {self._most} runs")
        _remember(self._roots, run_id, root)
        _remember(self._free, root, max(1, left // UNCOUNTED))
        return root


def _remember(kept: dict[str, T], key: str, value: T) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _REMEMBERED:
        del kept[next(iter(kept))]
