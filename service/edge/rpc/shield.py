"""Keeps commits whole when the caller goes away.

A client's deadline or disconnect cancels the handler; a commit that is awaited plainly would be cut in the middle and
its outcome known to nobody. Work that writes runs as a task of its own, registered here, and goes on; shutdown waits
for what is registered. Called by the servicer around every mutation, and by the server when it stops.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from service.domain.errors import Refusal
from service.domain.idempotency import Replayable
from service.edge.context import Context
from service.edge.rpc import idempotency

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Shield:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits the work; a cancelled caller leaves it running."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell)
            raise

    async def answer(self, context: Context, work: Coroutine[Any, Any, Replayable[T]]) -> T:
        """What the work answers; its caller is told where that repeats an answer given before."""
        done = await self.run(work)
        await idempotency.tell(context, done.replay)
        return done.value

    async def drain(self, seconds: float) -> int:
        """Waits for what is registered, then cancels the rest; gives how many were cancelled."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        return len(late)


def _tell(task: asyncio.Task[Any]) -> None:
    """The caller is gone, so an unexpected end is only heard here."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, Refusal):
        _log.error("a change failed after its caller had gone", exc_info=error)
