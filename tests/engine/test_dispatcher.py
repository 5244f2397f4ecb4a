"""What the dispatcher takes on: as much as it has room for, and what stops work beside that."""

import asyncio
from typing import Any, cast

from service.domain.answers import Answer, Fault, FaultKind
from service.domain.effects import Owed
from service.engine.dispatcher import IN_FLIGHT, Dispatcher
from service.engine.lease import Lease
from service.engine.ports.siblings import Errand
from service.engine.ports.work import Work
from service.engine.tracing import UNTRACED

BEGINS = "CreateObjective"
PATIENCE_SECONDS = 60.0


class Clock:
    def monotonic(self) -> float:
        return 0.0


class Path:
    """Takes every answer."""

    clock, tracer, lease = Clock(), UNTRACED, Lease()

    async def submit(self, run_id: str, envelope: object) -> None: ...


class Owing:
    """Owes one stop; nobody may ask it for anything else while there is no room."""

    def __init__(self) -> None:
        self.stops = [owed("CancelObjective")]
        self.asked: list[int] = []

    async def claim_stops(self, limit: int, lease_seconds: float) -> list[Work]:
        claimed, self.stops = self.stops[:limit], self.stops[limit:]
        return claimed

    async def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]:
        self.asked.append(limit)
        return []


class Slow:
    """Answers as many calls as it is told to, and whatever stops work at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Semaphore(0)
        self.heard = asyncio.Condition()

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        async with self.heard:
            self.asked.append(errand.workspace_id if errand.kind == BEGINS else errand.kind)
            self.heard.notify_all()
        if errand.kind == BEGINS:
            await self.answers.acquire()
        return Fault(FaultKind.FAILED, "refused", "")

    def answer(self, count: int) -> None:
        for _ in range(count):
            self.answers.release()

    async def until_asked(self, what: str, times: int = 1) -> None:
        """`what` is a workspace, or a kind of call."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.heard:
            await self.heard.wait_for(lambda: self.asked.count(what) >= times)


class Nothing:
    def takes(self, kind: str) -> bool:
        return False


def owed(kind: str, number: int = 0, workspace_id: str = "ws_1") -> Work:
    return Work("wfr_1", workspace_id, Owed(f"a/{number}/{kind}", "a", 1, kind, 1), b"bytes")


def dispatcher_of(owing: Owing, siblings: Slow) -> Dispatcher:
    anything: Any = None
    return Dispatcher(cast(Any, Path()), cast(Any, owing), anything, cast(Any, siblings), cast(Any, Nothing()))


async def test_a_stop_is_claimed_where_there_is_no_room_for_anything_else() -> None:
    owing, siblings = Owing(), Slow()
    dispatcher = dispatcher_of(owing, siblings)
    dispatcher.perform([owed(BEGINS, number) for number in range(IN_FLIGHT)], 0.0)
    loop = asyncio.create_task(dispatcher.loop.run())
    await siblings.until_asked("CancelObjective")
    assert owing.asked == []
    siblings.answer(IN_FLIGHT)
    await dispatcher.tasks.drain()
    dispatcher.loop.stop()
    await loop
    assert dispatcher.counters["claimed"] == 1


async def test_a_crowd_of_calls_of_one_workspace_does_not_delay_anothers() -> None:
    siblings = Slow()
    dispatcher = dispatcher_of(Owing(), siblings)
    dispatcher.perform([owed(BEGINS, number) for number in range(4 * IN_FLIGHT)], 0.0)
    dispatcher.perform([owed(BEGINS, workspace_id="ws_2")], 0.0)
    await siblings.until_asked("ws_1", IN_FLIGHT)
    siblings.answer(2)
    await siblings.until_asked("ws_2")
    await siblings.until_asked("ws_1", IN_FLIGHT + 1)
    assert len(siblings.asked) == IN_FLIGHT + 2
    siblings.answer(4 * IN_FLIGHT)
    await dispatcher.tasks.drain()
    assert siblings.asked.count("ws_1") == 4 * IN_FLIGHT
