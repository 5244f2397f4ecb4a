"""So many at once; whoever has to wait has its turn by workspace, so that a crowd from one of them delays no other.

A place that is given up goes to the workspace whose turn it is, and there to the one that has waited the longest. Used
by the dispatcher for its calls: one apply may owe thousands of them, and claims are fair by themselves.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By workspace, the one whose turn is next first."""

    @property
    def full(self) -> bool:
        return not self._free

    @asynccontextmanager
    async def place(self, workspace_id: str) -> AsyncIterator[None]:
        """Entered when there is a place, held as long as one is inside."""
        await self._enter(workspace_id)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, workspace_id: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave()  # it was given the place in the very moment that it gave up
            raise

    def _leave(self) -> None:
        while self._waiting:
            workspace_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[workspace_id] = turns
            if not turn.done():
                return turn.set_result(None)
        self._free += 1
        return None
