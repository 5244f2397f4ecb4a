"""An event loop without time, threads or sockets: one seed, one order of everything that happens.

Of what is ready a seeded generator picks the next; when nothing is, the clock jumps to the next timer. Each callback
belongs to the owner named in its context (`OWNER`, a replica's name): a frozen owner's callbacks are kept until it is
thawed. Frozen for a while is a pause, frozen for ever is `kill -9`: no handler of the dead one runs any more.

An error that nobody handles ends the whole play with that error.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar, TypeVarTuple

OWNER: ContextVar[str] = ContextVar("owner", default="")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Stuck(Exception):
    """Nothing is ready and no timer is set: what is waited for can never happen."""


class SimulatedLoop(asyncio.BaseEventLoop):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = Random(seed)
        self.failure: BaseException | None = None
        self._now = 0.0
        self._count = 0
        self._finishing = False
        self._runnable: list[tuple[asyncio.Handle, str]] = []
        self._later: list[tuple[float, int, asyncio.TimerHandle, str]] = []
        self._begun: set[asyncio.Task[Any]] = set()
        self._frozen: dict[str, list[tuple[asyncio.Handle, str]]] = {}

    def play(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` has ended. Raises what it raises, and whatever nobody handled."""
        task = self.create_task(main)
        try:
            return self.run_until_complete(task)
        except RuntimeError:
            if self.failure is None:
                raise
            raise self.failure from None

    def begin(self, deed: Coroutine[Any, Any, T], context: Context) -> "asyncio.Task[T]":
        """Work that nobody has to wait for; what it raises ends the play."""
        task = self.create_task(deed, context=context)
        self._begun.add(task)
        task.add_done_callback(self._ended)
        return task

    def fail(self, error: BaseException) -> None:
        """Ends the play; the first error counts. What breaks when everything is being ended does not."""
        if not self._finishing:
            self.failure = self.failure or error
            self.stop()

    def freeze(self, owner: str) -> None:
        self._frozen.setdefault(owner, [])

    def thaw(self, owner: str) -> None:
        self._runnable += self._frozen.pop(owner, [])

    def finish(self) -> None:
        """Ends everything that is still under way, the frozen too, and closes the loop."""
        self._finishing = True
        for owner in [*self._frozen]:
            self.thaw(owner)
        while left := asyncio.all_tasks(self):
            for task in left:
                task.cancel()
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.close()

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._begun.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    # --- what asyncio asks of a loop -----------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context  # an empty one is falsy
        handle = asyncio.Handle(callback, args, self, context)
        self._runnable.append((handle, context.get(OWNER, "")))
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context  # an empty one is falsy
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heappush(self._later, (when, self._count, handle, context.get(OWNER, "")))
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A task that is dropped unfinished is no error; its replica was killed."""
        if (error := context.get("exception")) is not None:
            self.fail(error)

    def _run_once(self) -> None:
        if not self._runnable:
            self._jump()
        handle, owner = self._pick()
        if owner in self._frozen:
            self._frozen[owner].append((handle, owner))
        elif not handle.cancelled():
            handle._run()

    def _pick(self) -> tuple[asyncio.Handle, str]:
        index = int(self.random.random() * len(self._runnable))
        self._runnable[index], self._runnable[-1] = self._runnable[-1], self._runnable[index]
        return self._runnable.pop()

    def _jump(self) -> None:
        while self._later:
            when, _, handle, owner = heappop(self._later)
            if not handle.cancelled():
                self._now = max(self._now, when)
                return self._runnable.append((handle, owner))
        raise Stuck
