"""What goes wrong, how often, and whether it really did.

A `Line` is the way from a replica to something outside: what is sent arrives, is done and is answered at moments of
their own, and each of them may fail. The work is done by the other side: a replica that is paused or killed after
sending does not stop it. `Dice` draw by the loop's seed, count every fault by name, and draw none once `healed`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tests.simulation.loop import SimulatedLoop

S = TypeVar("S")
T = TypeVar("T")

SLOW_SECONDS = 4.0
"""The longest that a slow line takes each way; longer than a lease of the simulated replicas leaves to a call."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Of one call: it does not arrive, it is done and the answer is lost, it is slow, it hangs (done or not)."""

    before: float = 0.0
    after: float = 0.0
    slow: float = 0.0
    hang: float = 0.0


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances per call and per event; `crash` and `pause` per second and replica."""

    store: Chances = Chances()
    siblings: Chances = Chances()
    publisher: Chances = Chances()
    event_lost: float = 0.0
    event_doubled: float = 0.0
    event_late: float = 0.0
    crash: float = 0.0
    pause: float = 0.0


CALM = Faults()
EVERYTHING = Faults(
    store=Chances(before=0.03, after=0.03, slow=0.05),
    siblings=Chances(before=0.1, after=0.1, slow=0.05, hang=0.05),
    publisher=Chances(before=0.05, after=0.05, slow=0.05),
    event_lost=0.05,
    event_doubled=0.2,
    event_late=0.2,
    crash=0.1,
    pause=0.1,
)


@dataclass
class Dice:
    loop: SimulatedLoop
    faults: Faults = CALM
    healed: bool = False
    fired: Counter[str] = field(default_factory=Counter)

    def hit(self, name: str, chance: float) -> bool:
        """Whether this fault happens now."""
        if self.healed or not chance or self.loop.random.random() >= chance:
            return False
        self.fired[name] += 1
        return True

    def one_of(self, name: str, chances: Chances) -> str:
        """Which fault a call meets: before, after, slow, hang, or none (empty)."""
        if self.healed:
            return ""
        drawn = self.loop.random.random()
        for kind in ("before", "after", "slow", "hang"):
            drawn -= getattr(chances, kind)
            if drawn < 0:
                self.fired[f"{name}_{kind}"] += 1
                return kind
        return ""

    def between(self, least: float, most: float) -> float:
        return self.loop.random.uniform(least, most)


class Way(Protocol):
    """How a replica reaches something outside."""

    async def ask(self, work: Callable[[], T]) -> T: ...

    async def ask_twice(self, look: Callable[[], S], work: Callable[[S], T]) -> T: ...


class Line:
    """`error` is what the caller hears when the other side does not answer."""

    def __init__(self, dice: Dice, name: str, chances: Chances, error: Callable[[str], Exception]) -> None:
        self._dice = dice
        self._loop = dice.loop
        self._name = name
        self._chances = chances
        self._error = error
        self._there = Context()

    async def ask(self, work: Callable[[], T]) -> T:
        """One call; `work` happens all at once."""
        return await self._send(lambda reply, fault: self._do(work, reply, fault))

    async def ask_twice(self, look: Callable[[], S], work: Callable[[S], T]) -> T:
        """One call that looks at one moment and writes what follows from it at a later one."""

        def looked(reply: "asyncio.Future[T]", fault: str) -> None:
            seen = look()
            self._loop.call_soon(self._do, lambda: work(seen), reply, fault, context=self._there)

        return await self._send(looked)

    async def _send(self, deed: Callable[["asyncio.Future[T]", str], None]) -> T:
        reply: asyncio.Future[T] = self._loop.create_future()
        fault = self._dice.one_of(self._name, self._chances)
        self._at(fault, self._arrive, deed, reply, fault)
        return await reply

    def _at(self, fault: str, step: Callable[..., None], *args: Any) -> None:
        if fault == "slow":
            self._loop.call_later(self._dice.between(0, SLOW_SECONDS), step, *args, context=self._there)
        else:
            self._loop.call_soon(step, *args, context=self._there)

    def _arrive(self, deed: Callable[["asyncio.Future[T]", str], None], reply: "asyncio.Future[T]", fault: str) -> None:
        if fault == "before":
            self._answer(reply, self._error(f"{self._name}: not there"))
        elif fault != "hang" or self._loop.random.random() < 0.5:
            deed(reply, fault)

    def _do(self, work: Callable[[], T], reply: "asyncio.Future[T]", fault: str) -> None:
        answer = self._worked(work)
        if fault == "after":
            answer = self._error(f"{self._name}: the answer was lost")
        if fault != "hang":
            self._at(fault, self._answer, reply, answer)

    def _worked(self, work: Callable[[], T]) -> T | Exception:
        try:
            return work()
        except AssertionError:  # a broken invariant is no answer: it ends the play
            raise
        except Exception as error:
            return error

    def _answer(self, reply: "asyncio.Future[T]", answer: T | Exception) -> None:
        """Whoever asked may be gone."""
        if reply.done():
            return
        if isinstance(answer, Exception):
            reply.set_exception(answer)
        else:
            reply.set_result(answer)
