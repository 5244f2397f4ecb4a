"""Events and ticks that a caller hands in: everything they bring about is done before the caller is answered.

An event takes the way of one heard on the bus (kept, then routed, each committed), so whatever dies here is made up for
like there; but its deliveries are performed at once and what became of them is read back, once all are done, whoever
does them. So the same event handed in again, by anybody and at the same moment, gives the same runs. A tick needs no
way: its start key is its only trace.
Called by the edge for HandleTrigger.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from service.domain.bus_event import BusEvent
from service.domain.errors import Kind, Refusal, RunPurged
from service.domain.start_requests import Triggered
from service.domain.state import Run
from service.domain.triggers import Objection, cron_address
from service.engine.clock import DatabaseClock
from service.engine.dispatcher import Dispatcher
from service.engine.ports.events import EventStore, Receipt
from service.engine.ports.runs import RunStore
from service.engine.ports.triggers import TriggerDelivery, TriggerStore
from service.engine.starter import Starter

LOOK_SECONDS = 0.02

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Intake:
    """All raise Refusal and StoreUnavailable; then what was begun is finished, and may be asked for again."""

    runs: RunStore
    events: EventStore
    deliveries: TriggerStore
    dispatcher: Dispatcher
    starter: Starter
    clock: DatabaseClock

    async def take(self, event: BusEvent) -> Triggered:
        [kept] = await self.events.keep([event])
        if kept.fate is Receipt.CLASH:
            raise Refusal(Kind.EXISTS, "event_id_reused", "this event id was used with another event")
        if kept.fate is not Receipt.DONE:
            leased_at = self.clock.monotonic()
            work = await self.events.route([kept], self.dispatcher.lease.seconds)
            await self.dispatcher.settle(work, leased_at)
        started = await _all(self._started(delivery) for delivery in await self.deliveries.starts_of(event))
        moved = await _all(self.runs.run_at(*run) for run in await self._moved(event))
        return _disjoint(started, moved)

    async def tick(self, event: BusEvent, cron_expr: str) -> Triggered:
        """Starts the definitions with that schedule, or with any; `event` says what their runs begin with."""
        found = await self.deliveries.scheduled(event.tenant, cron_address(cron_expr))
        started = await _all(self._ticked(definition_id, event) for definition_id in found)
        return Triggered([run for run in started if isinstance(run, Run)], [])

    async def _ticked(self, definition_id: str, event: BusEvent) -> Run | Objection | None:
        """None when the run of that tick was purged."""
        try:
            return await self.starter.start(definition_id, event)
        except RunPurged:
            return None

    async def again(self, started: Sequence[tuple[str, int]], updated: Sequence[tuple[str, int]]) -> Triggered:
        """The runs as they were at those of their changes."""
        return _disjoint(
            await _all(self.runs.run_at(*run) for run in started), await _all(self.runs.run_at(*run) for run in updated)
        )

    async def _moved(self, event: BusEvent) -> Sequence[tuple[str, int]]:
        """The runs that the event has moved, once it is delivered to all: another call may be at that."""
        until = self.clock.monotonic() + self.dispatcher.lease.call_seconds
        while await self.deliveries.is_owed(event):
            if self.clock.monotonic() > until:
                raise Refusal(Kind.UNAVAILABLE, "being_delivered", "the event is still being delivered to its runs")
            await asyncio.sleep(LOOK_SECONDS)
        return await self.deliveries.moved_by(event)

    async def _started(self, delivery: TriggerDelivery) -> Run | None:
        """Whoever else may hold the delivery: two that settle it start one run."""
        if not delivery.outcome:
            return await self.starter.settle(delivery)
        return await self.runs.run_at(delivery.run_id, delivery.sequence) if delivery.run_id else None


def _disjoint(started: Iterable[Run | None], updated: Iterable[Run | None]) -> Triggered:
    first = {run.id: run for run in started if run}
    return Triggered(list(first.values()), [run for run in updated if run and run.id not in first])


async def _all(doing: Iterable[Awaitable[T]]) -> list[T]:
    """Every one is done, whatever becomes of the others; then the first that failed is raised."""
    done = await asyncio.gather(*doing, return_exceptions=True)
    results: list[T] = []
    for result in done:
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results
