"""Follows one stream: keeps a consumer on it and hands what arrives to `batches`.

The consumer is durable and shared: all replicas subscribe to one deliver subject in one queue group, so a message goes
to one of them. Being bound is checked again and again, because a stream may not exist yet, or be made anew under us
when the bus has lost its store; what happened is logged when it changes, not each time. The same look tells the lag:
how many messages the bus has that no replica has acked. Called by the listener, one per stream.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from service.bus.batches import EventBatches
from service.bus.connection import Connection
from service.engine.ports.failures import BusUnavailable

BATCH = 50
MAX_ACK_PENDING = 1_000
MAX_DELIVER = 7 * 24 * 60  # at a minute apart, as long as the longest stream keeps a message
CHECK_SECONDS = 2.0
RETRY_SECONDS = 1.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Feed:
    """`lag` is a few seconds old, the same in all replicas, and None while the stream is not there."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subject: str,
        batches: EventBatches,
        durable: str,
        ack_wait_seconds: float,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._batches = batches
        self._consumer = consumer_name(durable, subject)
        self._deliver_subject = f"_INBOX.{stream}.{self._consumer}"
        self._config = ConsumerConfig(
            durable_name=self._consumer,
            deliver_subject=self._deliver_subject,
            deliver_group=self._consumer,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait_seconds,
            filter_subject=subject,
            max_ack_pending=MAX_ACK_PENDING,
            max_deliver=MAX_DELIVER,
        )
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._exists = False
        self._standing = ""
        self.place = (stream, subject)
        self.lag: int | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Lets the batch in hand finish and takes no other; `run` then returns."""
        self._stopped.set()

    async def run(self) -> None:
        while not self._stopped.is_set():
            subscription = await self._bound()
            if subscription is None:
                await self._unless_stopped(asyncio.sleep(RETRY_SECONDS))
            else:
                with suppress(NatsError):  # the session ended; the next round binds again
                    await self._follow(subscription)
        await self._leave()

    # --- being bound

    async def _bound(self) -> Subscription | None:
        """The subscription, once there is a consumer that feeds it."""
        try:
            subscription = await self._subscribed()
            await self._ensure_consumer()
        except BusUnavailable:
            return None
        except NatsError as error:
            self._exists, self.lag = False, None
            self._say("is not there yet" if isinstance(error, NotFoundError) else f"cannot be followed: {error}")
            return None
        self._say("is followed")
        return subscription

    async def _subscribed(self) -> Subscription:
        client = self._connection.client
        if self._subscription is None or self._client is not client:
            self._subscription = await client.subscribe(self._deliver_subject, self._consumer)
            self._client = client
        return self._subscription

    async def _ensure_consumer(self) -> None:
        """Creates it or brings its settings up to date the first time; afterwards only looks."""
        if self._exists:
            seen = await self._connection.jetstream.consumer_info(self._stream, self._consumer)
        else:
            seen = await self._connection.jetstream.add_consumer(self._stream, self._config)
            self._exists = True
        self.lag = (seen.num_pending or 0) + (seen.num_ack_pending or 0)

    def _say(self, standing: str) -> None:
        if standing != self._standing:
            self._standing = standing
            log.info("stream %s %s", self._stream, standing)

    # --- taking what arrives

    async def _follow(self, subscription: Subscription) -> None:
        """Takes batches until it is time to look at the consumer again."""
        clock = asyncio.get_running_loop().time
        until = clock() + CHECK_SECONDS
        while not self._stopped.is_set() and (left := until - clock()) > 0:
            if batch := await self._next_batch(subscription, left):
                await self._batches.take(batch)

    async def _next_batch(self, subscription: Subscription, seconds: float) -> list[Msg]:
        """What is pending, up to BATCH; waits for a first message, and gives none when the time is over."""
        try:
            first = await self._unless_stopped(
                subscription.next_msg(timeout=seconds), arriving=lambda: subscription.pending_bytes > 0
            )
        except NatsTimeoutError:
            return []
        batch = [first] if first else []
        while batch and len(batch) < BATCH and subscription.pending_msgs:
            batch.append(await subscription.next_msg())
        return batch

    async def _unless_stopped(
        self, doing: Coroutine[Any, Any, T], arriving: Callable[[], bool] = lambda: False
    ) -> T | None:
        """The result, or None when `stop` came first and none is arriving: the client loses a message when it is
        cancelled while it hands it over, and nobody else would have that one before its ack is overdue."""
        task = asyncio.ensure_future(doing)
        stop = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return await task if task.done() or arriving() else None
        finally:
            task.cancel()
            stop.cancel()
            # What becomes of it now is nobody's concern, but an error that nobody looks at would be logged.
            await asyncio.gather(task, stop, return_exceptions=True)

    async def _leave(self) -> None:
        """No longer interested; what lies here unread goes back, so that nobody has to wait for it."""
        if self._subscription is None:
            return
        with suppress(NatsError):
            await self._subscription.unsubscribe()
            while self._subscription.pending_msgs:
                await self._batches.give_back(await self._subscription.next_msg())


def consumer_name(durable: str, subject: str) -> str:
    """One consumer per filter, by a name that says so: `workflows_objectives_changes_all`."""
    return f"{durable}_{subject}".replace(".", "_").replace("*", "any").replace(">", "all")
