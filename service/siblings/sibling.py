"""One sibling service: its channel, opened at the first call and kept, and its breaker.

Sends stored bytes as they are and never waits without a deadline. A call that nobody waits for any more is
cancelled, because an abandoned one would live on in the channel. Retries are the dispatcher's, so gRPC's own
are off, and a lost connection is sought again within seconds instead of minutes. One that only falls silent is not lost
to gRPC, nor to TCP for a quarter of an hour: the breaker's probes go out over new ones.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from service.domain.answers import Fault, FaultKind
from service.instruments import Durations
from service.siblings.breaker import Breaker, BreakerState
from service.siblings.credentials import PLAIN, Credentials
from service.siblings.faults import from_status, transport
from service.siblings.method import Garbled, SiblingMethod, Value

Metadata = Sequence[tuple[str, str]]

_OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.use_local_subchannel_pool", 1),  # or a new channel would go on with the connection of the one it replaces
)
_LEAVE_SECONDS = 30.0
"""How long the calls that are under way have when their channel is replaced."""


class Sibling:
    """`calls` has how long they took, by outcome: "ok" or the kind of fault; without what the breaker kept back."""

    def __init__(
        self,
        name: str,
        address: str,
        breaker: Breaker,
        clock: Callable[[], float] = time.monotonic,
        credentials: Credentials = PLAIN,
    ) -> None:
        self.breaker = breaker
        self.calls: defaultdict[str, Durations] = defaultdict(Durations)
        self._name = name
        self._address = address
        self._credentials = credentials
        self._clock = clock
        self._heard_at: float | None = None
        self._channel: grpc.aio.Channel | None = None
        self._left: dict[asyncio.Task[None], grpc.aio.Channel] = {}

    async def ask(
        self, method: SiblingMethod[Any, Value], request: bytes, metadata: Metadata, timeout_seconds: float
    ) -> Value | Fault:
        """One call. Never raises for what the sibling does; a cancelled caller cancels the call."""
        if not self.breaker.admit():
            return transport("breaker_open", f"{self._name} has not been answering")
        begun, channel = self._clock(), self._open()
        outcome = await self._exchange(method, request, metadata, timeout_seconds)
        self._note(outcome, self._clock() - begun)
        if _silent(outcome) and self.breaker.state is not BreakerState.CLOSED and channel is self._channel:
            self._leave(channel)
        return outcome

    @property
    def silent_seconds(self) -> float | None:
        """Since it last answered, yes or no; None when it never did."""
        return None if self._heard_at is None else self._clock() - self._heard_at

    def _note(self, outcome: object, seconds: float) -> None:
        kind = outcome.kind if isinstance(outcome, Fault) else None
        self.calls[kind.lower() if kind else "ok"].note(seconds)
        if kind is FaultKind.TRANSPORT:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
            self._heard_at = self._clock()

    def _leave(self, channel: grpc.aio.Channel) -> None:
        """The next call goes over a new connection; those that are under way may still be answered."""
        self._channel = None
        leaving = asyncio.create_task(channel.close(_LEAVE_SECONDS))
        self._left[leaving] = channel
        leaving.add_done_callback(self._left.pop)

    async def close(self) -> None:
        channels = [*self._left.values(), *([self._channel] if self._channel else [])]
        self._channel = None
        for channel in channels:
            await channel.close()
        await asyncio.gather(*self._left)

    async def _exchange(
        self, method: SiblingMethod[Any, Value], request: bytes, metadata: Metadata, timeout_seconds: float
    ) -> Value | Fault:
        try:
            return method.parse(await self._send(method.path, request, metadata, timeout_seconds))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND and method.absent is not None:
                return method.absent
            return from_status(error.code(), error.details())
        except Garbled as error:
            return transport("garbled_reply", str(error))
        except asyncio.CancelledError:
            if _caller_is_cancelled():
                raise
            return transport("cancelled", f"the connection to {self._name} was closed")

    async def _send(self, path: str, request: bytes, metadata: Metadata, timeout_seconds: float) -> bytes:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._open().unary_unary(path)
        call = method(request, metadata=(*metadata, *self._credentials.metadata()), timeout=timeout_seconds)
        try:
            return await call
        finally:
            call.cancel()

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = self._credentials.channel(self._address, _OPTIONS)
        return self._channel


def _silent(outcome: object) -> bool:
    return isinstance(outcome, Fault) and outcome.reason == "deadline_exceeded"


def _caller_is_cancelled() -> bool:
    """gRPC raises the same error when the channel closes under a call as when the caller is cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
