"""Starts the runs that events and callers ask for: what was routed to a definition becomes a run of it, once.

Deliveries are claimed under a lease as soon as the router has written some, by whichever replica is there. The event is
matched against the definition's latest version, then it is looked up what the run is about. The start key is made of
the event alone, so a delivery may be settled twice, or by two at once, and there is one run. What can never start is
settled with the reason where somebody may ask for it, else forgotten; what only could not be started now is tried again
a little later each time.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import replace

from service.domain import triggers
from service.domain.bus_event import BusEvent
from service.domain.calls import Deliver
from service.domain.commands import Envelope
from service.domain.decision import Repeated
from service.domain.errors import Refusal, not_found
from service.domain.ids import Ids
from service.domain.schemas import INPUT_SCHEMA
from service.domain.state import Run
from service.domain.subject import Subject
from service.domain.triggers import Objection
from service.engine.advance import Advance
from service.engine.loop import Loop
from service.engine.ports.catalogue import Catalogue
from service.engine.ports.events import EventStore
from service.engine.ports.failures import StoreUnavailable
from service.engine.ports.triggers import TriggerDelivery, TriggerStore
from service.engine.subjects import Subjects

CLAIM = 100
IDLE_SECONDS = 0.5
STARTED = "started"

log = logging.getLogger(__name__)


class Starter:
    def __init__(
        self,
        advance: Advance,
        deliveries: TriggerStore,
        events: EventStore,
        catalogue: Catalogue,
        subjects: Subjects,
        ids: Ids,
    ) -> None:
        self._advance = advance
        self._deliveries = deliveries
        self._events = events
        self._catalogue = catalogue
        self._subjects = subjects
        self._ids = ids
        self.counters: Counter[str] = Counter()
        self.loop = Loop("starter", self._claim, IDLE_SECONDS)

    async def settle(self, delivery: TriggerDelivery) -> Run | None:
        """The run that the event starts or has started; None when it starts none.

        Raises StoreUnavailable, and Refusal when it could not be started now.
        """
        stored = await self._events.event(delivery.workspace_id, Deliver(delivery.source, delivery.event_id))
        if stored is None:
            self.counters["event_expired"] += 1
            await self._deliveries.drop_start(delivery)
            return None
        try:
            started = await self.start(delivery.definition_id, stored.event)
        except Refusal as refusal:
            if refusal.passing:
                raise
            await self._refused(delivery, refusal.reason)
            return None
        if isinstance(started, Run):
            done = replace(delivery, outcome=STARTED, run_id=started.id, sequence=started.sequence)
            await self._deliveries.end_start(done)
            return started
        await self._objected(delivery, started)
        return None

    async def start(self, definition_id: str, event: BusEvent) -> Run | Objection:
        """A run of the definition's latest version, or the one that the event has started before. Raises Refusal."""
        definition = await self._catalogue.find(event.tenant, definition_id, "")
        if definition is None:
            raise not_found("definition", definition_id)
        plan = await self._advance.plans.to_start(definition)
        if (refused := triggers.objection(definition, plan, event)) is not None:
            return refused
        about = await self._about(event)
        start = triggers.start(definition, plan, event, about, self._ids.run(), self._advance.clock.now())
        envelope = Envelope(start.command, event.actor, event.cause, trace=event.trace)
        try:
            reply = await self._advance.start(start.key, plan, envelope)
        except Refusal as refusal:
            if refusal.reason != INPUT_SCHEMA:
                raise
            return Objection.INPUT_SCHEMA
        self.counters["repeated" if isinstance(reply.verdict, Repeated) else STARTED] += 1
        return reply.run

    async def _claim(self) -> bool:
        claimed = await self._deliveries.claim_starts(CLAIM, self._advance.lease.seconds)
        self.counters["claimed"] += len(claimed)
        await asyncio.gather(*(self._perform(delivery) for delivery in claimed))
        return len(claimed) == CLAIM

    async def _about(self, event: BusEvent) -> Subject:
        """The entity that the caller names, else the one behind the record that has changed."""
        said = event.handed_in
        if said and said.entity_id:
            return await self._subjects.named(Subject(said.entity_id, said.entity_type), event.tenant, event.trace)
        return await self._subjects.of_record(event.tap, event.tenant, event.trace) if event.tap else Subject()

    async def _perform(self, delivery: TriggerDelivery) -> None:
        try:
            await self._settle_or_postpone(delivery)
        except StoreUnavailable as error:
            log.warning("%s is left to start %s later: %s", delivery.event_id, delivery.definition_id, error)
        except Exception:  # one bad delivery must not keep the others from starting
            log.exception("%s could not start %s", delivery.event_id, delivery.definition_id)

    async def _settle_or_postpone(self, delivery: TriggerDelivery) -> None:
        try:
            await self.settle(delivery)
        except Refusal as refusal:
            self.counters["postponed"] += 1
            log.warning("%s starts %s later: %s", delivery.event_id, delivery.definition_id, refusal)
            await self._deliveries.postpone_start(delivery)

    async def _objected(self, delivery: TriggerDelivery, objection: Objection) -> None:
        if objection.is_kept:
            await self._refused(delivery, objection)
        else:
            self.counters[objection] += 1
            await self._deliveries.drop_start(delivery)

    async def _refused(self, delivery: TriggerDelivery, reason: str) -> None:
        self.counters[reason] += 1
        log.warning("%s does not start %s: %s", delivery.event_id, delivery.definition_id, reason)
        await self._deliveries.end_start(replace(delivery, outcome=reason))
