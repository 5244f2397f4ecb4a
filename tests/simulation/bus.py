"""The bus: what siblings say reaches some replica's router, and our changes are acknowledged.

Inbound: an event may be lost, doubled or late (so also out of order); what is not lost is handed over again until some
replica has accepted it. Outbound: every change counts once under its own id, and must come in the order of its run.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field

from service.domain.bus_event import BusEvent
from service.engine.ports.outbox import Unpublished
from tests.simulation.faults import Dice, Line

LATE_SECONDS = 10.0
ACK_SECONDS = 5.0
AGAIN_SECONDS = 1.0


@dataclass
class Bus:
    dice: Dice
    hand_over: Callable[[BusEvent], "asyncio.Task[bool] | None"]
    """Begins handing an event to some replica, which tells whether it took it; None when there is no replica."""
    trace: Callable[..., None]
    published: Counter[str] = field(default_factory=Counter)
    """How far each stream has got."""
    underway: int = 0

    # --- inbound ---------------------------------------------------------------------------------------------------

    def say(self, event: BusEvent) -> bool:
        """Whether it will reach somebody, some time."""
        if self.dice.hit("event_lost", self.dice.faults.event_lost):
            return False
        for _ in range(1 + self.dice.hit("event_doubled", self.dice.faults.event_doubled)):
            late = self.dice.hit("event_late", self.dice.faults.event_late)
            self.underway += 1
            self.dice.loop.call_later(self.dice.between(0, LATE_SECONDS) if late else 0.0, self._set_out, event)
        return True

    def _set_out(self, event: BusEvent) -> None:
        self.dice.loop.begin(self._deliver(event), Context())

    async def _deliver(self, event: BusEvent) -> None:
        if await self._accepted(event):
            self.underway -= 1
        else:
            self.dice.loop.call_later(AGAIN_SECONDS, self._set_out, event)

    async def _accepted(self, event: BusEvent) -> bool:
        self.trace("deliver", event.id)
        task = self.hand_over(event)
        if task is None:
            return False
        await asyncio.wait({task}, timeout=ACK_SECONDS)
        return task.done() and task.result()

    # --- outbound --------------------------------------------------------------------------------------------------

    def take(self, change: Unpublished) -> None:
        known = self.published[change.stream]
        assert change.sequence <= known + 1, f"{change.stream}.{change.sequence} was published before {known + 1}"
        self.published[change.stream] = max(known, change.sequence)
        self.trace("published", change.stream, change.sequence, change.operation)


class SimulatedPublisher:
    def __init__(self, bus: Bus, line: Line) -> None:
        self._bus = bus
        self._line = line

    async def publish(self, change: Unpublished) -> None:
        await self._line.ask(lambda: self._bus.take(change))
