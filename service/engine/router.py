"""Brings bus events to the runs that wait for them and the definitions they start: the listener's sink.

Commit first, look second, on both sides. An event is kept in the inbox, then waits and triggers are looked up in a new
statement and one delivery per waiting run or definition is committed together with the routed mark; a run that has just
opened a wait looks at the inbox in the same way. Both may find each other, which the run's guard absorbs; a looker that
died is made up for by the ticker's sweep. Only then is the message acked.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from service.domain.bus_event import BusEvent
from service.domain.decision import Wait
from service.engine.background import Background
from service.engine.clock import DatabaseClock
from service.engine.dispatcher import Dispatcher
from service.engine.ports.events import EventStore, Kept, Receipt
from service.engine.ports.failures import StoreUnavailable
from service.engine.starter import Starter
from service.engine.tracing import UNTRACED, Span, SpanRole, Tracer

SWEEP = 200

log = logging.getLogger(__name__)


class Router:
    def __init__(
        self,
        events: EventStore,
        dispatcher: Dispatcher,
        starter: Starter,
        clock: DatabaseClock,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._tracer = tracer
        self._events = events
        self._dispatcher = dispatcher
        self._starter = starter
        self._clock = clock
        self.tasks = Background()
        self.counters: Counter[str] = Counter()
        self.buried: Counter[str] = Counter()
        """Dead letters by their reason."""

    async def accept(self, events: Sequence[BusEvent]) -> Sequence[BusEvent]:
        """Returns when every event is durably routed, buffered or known; gives back those that are poison.

        Raises StoreUnavailable.
        """
        with ExitStack() as stack:
            spans = [stack.enter_context(self._span(event)) for event in events]
            kept = await self._events.keep([_under(span, event) for span, event in zip(spans, events, strict=True)])
            for span, item in zip(spans, kept, strict=True):
                span.tell(fate=item.fate)
            self.counters.update(item.fate.lower() for item in kept)
            await self._route([item for item in kept if item.fate in (Receipt.FRESH, Receipt.UNROUTED)])
        return [event for event, item in zip(events, kept, strict=True) if item.fate is Receipt.CLASH]

    async def _route(self, fresh: Sequence[Kept]) -> None:
        if fresh:
            leased_at = self._clock.monotonic()
            self._dispatcher.perform(await self._events.route(fresh, self._dispatcher.lease.seconds), leased_at)
            self._starter.loop.wake()

    def _span(self, event: BusEvent) -> Span:
        about = {"event_id": event.id, "event_type": event.type, "event_source": event.source}
        return self._tracer.span("event", event.trace, SpanRole.CONSUMER, **about)

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        self.counters["buried"] += 1
        await self._events.bury(subject, raw, headers, reason)
        self.buried[reason] += 1

    def opened(self, run_id: str, workspace_id: str, waits: Sequence[Wait]) -> None:
        """Looks in the background whether what is now awaited came before."""
        self.tasks.spawn(self._look(run_id, workspace_id, waits))

    async def sweep(self) -> bool:
        leased_at = self._clock.monotonic()
        work = await self._events.sweep(SWEEP, self._dispatcher.lease.seconds)
        self.counters["swept"] += len(work)
        self._dispatcher.perform(work, leased_at)
        return len(work) == SWEEP

    async def _look(self, run_id: str, workspace_id: str, waits: Sequence[Wait]) -> None:
        leased_at = self._clock.monotonic()
        try:
            work = await self._events.look(run_id, workspace_id, waits, self._dispatcher.lease.seconds)
        except StoreUnavailable as error:
            log.warning("the look for %s is left to the sweep: %s", run_id, error)
            return
        self._dispatcher.perform(work, leased_at)


def _under(span: Span, event: BusEvent) -> BusEvent:
    """What the event leads to goes on with the trace of the span."""
    return event if span.trace == event.trace else replace(event, trace=span.trace)
