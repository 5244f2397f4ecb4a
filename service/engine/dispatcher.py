"""Performs what runs owe: calls to siblings and to other runs, and deliveries of events; each answered by a command.

Effects come from the apply that stored them (at once, already leased to this process) or from a claim (postponed ones,
and those whose holder died). A call is given no more time than the lease has left, on the monotonic clock counted from
before the lease was taken; work whose lease has run too low is left for the next claim.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import orjson

from service.domain.answers import Answer, Fault, FaultKind
from service.domain.calls import STOPS, Deliver
from service.domain.commands import OURSELVES, EffectFailed, EffectSucceeded, Envelope, EventArrived
from service.domain.errors import Kind, Refusal
from service.domain.ids import effect_key
from service.engine.advance import Advance
from service.engine.background import Background
from service.engine.crossing import Crossing
from service.engine.loop import Loop
from service.engine.ports.events import EventStore
from service.engine.ports.failures import StoreUnavailable
from service.engine.ports.siblings import Errand, Siblings
from service.engine.ports.work import Work, WorkStore
from service.engine.tracing import Span
from service.engine.turns import Turns

IN_FLIGHT = 256
CLAIM = 100
IDLE_SECONDS = 0.5
log = logging.getLogger(__name__)


class Dispatcher:
    def __init__(
        self,
        advance: Advance,
        work: WorkStore,
        events: EventStore,
        siblings: Siblings,
        crossing: Crossing,
    ) -> None:
        self._advance = advance
        self._crossing = crossing
        self._work = work
        self._events = events
        self._siblings = siblings
        self._monotonic = advance.clock.monotonic
        self._tracer = advance.tracer
        self.lease = advance.lease
        self.tasks = Background()
        self._room = Turns(IN_FLIGHT)
        self._room_to_stop = Turns(IN_FLIGHT)
        self.counters: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str]] = Counter()
        """By kind of effect and "ok" or the kind of fault."""
        self.repeated: Counter[str] = Counter()
        """By kind: those that somebody may have performed before."""
        self.loop = Loop("dispatcher", self._claim, IDLE_SECONDS)

    def perform(self, work: Sequence[Work], leased_at: float) -> None:
        """Takes on leased work without waiting for it."""
        for item in work:
            self.tasks.spawn(self._perform(item, leased_at + self.lease.usable_seconds))

    async def settle(self, work: Sequence[Work], leased_at: float) -> None:
        """Performs leased work; returns when it is done, or left for later."""
        until = leased_at + self.lease.usable_seconds
        await asyncio.gather(*(self._perform(item, until) for item in work))

    async def _claim(self) -> bool:
        """What stops work is claimed even while there is no room for anything else."""
        more = not self._room_to_stop.full and await self._take(self._work.claim_stops, CLAIM)
        room = min(CLAIM, IN_FLIGHT - len(self.tasks))
        if room <= 0:
            return more
        return await self._take(self._work.claim_effects, room) or more

    async def _take(self, claim: Callable[[int, float], Awaitable[list[Work]]], most: int) -> bool:
        """Takes on what can be claimed; True when there may be more."""
        leased_at = self._monotonic()
        claimed = await claim(most, self.lease.seconds)
        self.counters["claimed"] += len(claimed)
        self.counters["taken_over"] += sum(item.taken_over for item in claimed)
        self.perform(claimed, leased_at)
        return len(claimed) == most

    async def _perform(self, work: Work, until: float) -> None:
        room = self._room_to_stop if work.effect.kind in STOPS else self._room
        async with room.place(work.workspace_id):
            seconds = min(self.lease.call_seconds, until - self._monotonic())
            if seconds <= 0:
                self.counters["lease_too_low"] += 1
                return
            self.repeated[work.effect.kind] += work.effect.repeated
            try:
                await self._advance.submit(work.run_id, self._counted(work, await self._traced(work, seconds)))
            except (Refusal, StoreUnavailable) as error:
                # The row stays: the effect is claimed again when its lease has run out.
                log.warning("effect %s of %s left for later: %s", work.effect.id, work.run_id, error)
                if isinstance(error, Refusal) and error.kind is Kind.NOT_FOUND:
                    await self._forget(work)

    async def _forget(self, work: Work) -> None:
        """An event that was routed to a run while that was purged is owed by nobody."""
        with suppress(StoreUnavailable):
            self.counters["orphans"] += await self._work.drop_orphan(work)

    def _counted(self, work: Work, answer: Envelope) -> Envelope:
        command = answer.command
        outcome = command.fault.kind.lower() if isinstance(command, EffectFailed) else "ok"
        self.answered[work.effect.kind, outcome] += 1
        return answer

    async def _traced(self, work: Work, seconds: float) -> Envelope:
        """The answer, and all that comes of it, is of the trace of the call."""
        with self._tracer.span(f"effect {work.effect.kind}", work.trace) as span:
            under = work if span.trace == work.trace else replace(work, trace=span.trace)
            envelope = await self._answer(under, seconds)
            if span.recording:
                _tell(span, work, envelope)
        return envelope

    async def _answer(self, work: Work, seconds: float) -> Envelope:
        if work.effect.kind == Deliver.__name__:
            return await self._delivery(work)
        answer = await self._ask(work, seconds)
        if not isinstance(answer, Fault):
            return _own(work, EffectSucceeded(work.effect, answer))
        self.counters[f"fault_{answer.kind.lower()}"] += 1
        return _own(work, EffectFailed(work.effect, answer))

    async def _ask(self, work: Work, seconds: float) -> Answer | Fault:
        if not work.request:
            return Fault(FaultKind.REJECTED, "bad_values", "the step's values do not fit the call it has to make")
        if self._crossing.takes(work.effect.kind):
            return await self._crossing.perform(work)
        return await self._siblings.perform(_errand(work), seconds)

    async def _delivery(self, work: Work) -> Envelope:
        stored = await self._events.event(work.workspace_id, Deliver(**orjson.loads(work.request)))
        if stored is None:
            gone = Fault(FaultKind.FAILED, "event_expired", "the buffered event is no longer kept")
            return _own(work, EffectFailed(work.effect, gone))
        event = stored.event
        command = EventArrived(work.effect, event, stored.received_at)
        return Envelope(command, event.actor, event.cause, guarded=True, trace=work.trace)


def _own(work: Work, command: EffectSucceeded | EffectFailed) -> Envelope:
    return Envelope(command, OURSELVES, f"effect:{work.effect.id}", trace=work.trace)


def _tell(span: Span, work: Work, envelope: Envelope) -> None:
    effect, command = work.effect, envelope.command
    span.tell(run_id=work.run_id, step_id=effect.step_id, effect_id=effect.id, kind=effect.kind)
    span.tell(attempt=effect.attempt, tries=effect.tries, outcomes=type(command).__name__)
    if isinstance(command, EffectFailed):
        span.tell(fault=command.fault.kind)
        span.fail(command.fault.reason)


def _errand(work: Work) -> Errand:
    key = effect_key(work.run_id, work.effect.id)
    return Errand(work.effect.kind, work.request, work.workspace_id, work.run_id, key, work.effect.repeated, work.trace)
