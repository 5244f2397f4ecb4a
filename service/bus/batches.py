"""Takes a handful of messages through the sink and tells the bus what became of each.

A message is acked only when the sink has committed it, or has committed its burial. When the store does not answer, all
go back and come again, later every time. When it is there but refuses the batch, each event is tried alone, so that one
bad neighbour holds up nobody; an event that keeps failing alone is buried as `undeliverable`. Called by `feed`.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Protocol, TypeAlias

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.bus_event import BusEvent
from service.engine.ports.failures import StoreUnavailable

LONGEST_DELAY_SECONDS = 60.0
MAX_TRIES = 8

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where events go. Both return after the commit; both raise StoreUnavailable when there is no store."""

    async def accept(self, events: Sequence[BusEvent]) -> Sequence[BusEvent]:
        """Gives back those that are poison: an id that came before with another body."""
        ...

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None: ...


Arrival: TypeAlias = tuple[Msg, BusEvent]


class EventBatches:
    """`first_delay_seconds` is how long a message stays away after its first failure; it doubles each time."""

    def __init__(self, sink: Sink, counters: Counter[str], first_delay_seconds: float) -> None:
        self._sink = sink
        self._counters = counters
        self._first_delay_seconds = first_delay_seconds

    async def take(self, messages: Sequence[Msg]) -> None:
        """Settles every message, one way or another; raises nothing."""
        arrivals = [(message, event) for message in messages if (event := await self._read(message))]
        if not arrivals or await self._accepted(arrivals):
            return
        for arrival in arrivals:
            if len(arrivals) == 1 or not await self._accepted([arrival]):
                await self._bury_or_return(arrival[0])

    async def give_back(self, message: Msg) -> None:
        """For messages that were not looked at: somebody else may have them at once."""
        await _settle(message.nak())

    async def _read(self, message: Msg) -> BusEvent | None:
        """The event, or None when the message is settled already."""
        try:
            return parse(message.subject, message.headers or {}, message.data)
        except Poison as poison:
            await self._bury(message, poison.reason)
        except Exception:  # a fault of ours must not end the listening, which the next delivery would do again
            log.exception("a message on %s broke the reader", message.subject)
            await self._bury(message, "unreadable")
        return None

    async def _accepted(self, arrivals: Sequence[Arrival]) -> bool:
        """Whether all are settled: committed, or sent back because there is no store."""
        try:
            clashes = await self._sink.accept([event for _, event in arrivals])
        except StoreUnavailable as error:
            log.warning("%d events go back, the store does not answer: %s", len(arrivals), error)
            for message, _ in arrivals:
                await self._return(message)
        except Exception:
            log.exception("events were refused: %s", ", ".join(event.id for _, event in arrivals))
            return False
        else:
            await self._settle_all(arrivals, {id(clash) for clash in clashes})
        return True

    async def _settle_all(self, arrivals: Sequence[Arrival], clashes: AbstractSet[int]) -> None:
        for message, event in arrivals:
            if id(event) in clashes:
                await self._bury(message, "id_reused")
            else:
                self._counters["accepted"] += 1
                await _settle(message.ack())

    async def _bury_or_return(self, message: Msg) -> None:
        if _tries(message) >= MAX_TRIES:
            await self._bury(message, "undeliverable")
        else:
            await self._return(message)

    async def _bury(self, message: Msg, reason: str) -> None:
        headers = {_storable(name): _storable(value) for name, value in (message.headers or {}).items()}
        try:
            await self._sink.bury(_storable(message.subject), message.data, headers, reason)
        except Exception as error:
            log.warning("a message on %s could not be buried: %s", message.subject, error)
            await self._return(message)
        else:
            log.warning("a message on %s is a dead letter: %s", message.subject, reason)
            self._counters["buried"] += 1
            await _settle(message.ack())

    async def _return(self, message: Msg) -> None:
        self._counters["returned"] += 1
        doublings = min(_tries(message) - 1, 10)
        await _settle(message.nak(min(self._first_delay_seconds * 2**doublings, LONGEST_DELAY_SECONDS)))


def _tries(message: Msg) -> int:
    """How often it was delivered, this time included; 1 for what somebody sent us past the stream."""
    try:
        return message.metadata.num_delivered
    except (NatsError, ValueError):
        return 1


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")


async def _settle(answer: Awaitable[None]) -> None:
    # An answer that does not reach the bus is as good as none: the message comes again and is known by then.
    with suppress(NatsError):
        await answer
