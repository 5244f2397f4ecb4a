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


class Silent:
    """Answers nobody but those who stop something."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.answering = asyncio.Event()

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        if errand.kind == "CancelObjective":
            self.stopped.set()
        else:
            await self.answering.wait()
        return Fault(FaultKind.FAILED, "refused", "")


class Nothing:
    def takes(self, kind: str) -> bool:
        return False


def owed(kind: str, number: int = 0) -> Work:
    return Work("wfr_1", "ws_1", Owed(f"a/{number}/{kind}", "a", 1, kind, 1), b"bytes")


async def test_a_stop_is_claimed_where_there_is_no_room_for_anything_else() -> None:
    owing, siblings = Owing(), Silent()
    dispatcher = Dispatcher(
        cast(Any, Path()), cast(Any, owing), cast(Any, None), cast(Any, siblings), cast(Any, Nothing())
    )
    dispatcher.perform([owed("CreateObjective", number) for number in range(IN_FLIGHT)], 0.0)
    loop = asyncio.create_task(dispatcher.loop.run())
    async with asyncio.timeout(60):
        await siblings.stopped.wait()
        assert owing.asked == []
        siblings.answering.set()
        await dispatcher.tasks.drain()
        dispatcher.loop.stop()
        await loop
    assert dispatcher.counters["claimed"] == 1
