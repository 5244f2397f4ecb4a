"""The siblings that are configured, each with one connection and one breaker, and a line to them per errand.

A `Line` knows who asks and how long all of it may take: however many calls an errand needs, they share one deadline.
Look-ups carry the workspace and the trace alone. The idempotency key goes out with the call that it belongs to and
with no other, so that a sibling which remembers keys cannot take one call for another.
"""

import string
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from google.protobuf.message import Message

from service.domain.answers import Fault
from service.domain.calls import SIBLINGS
from service.domain.trace import told
from service.engine.tracing import UNTRACED, SpanRole, Tracer
from service.siblings.breaker import Breaker
from service.siblings.credentials import PLAIN, Credentials
from service.siblings.faults import not_configured, transport
from service.siblings.method import SiblingMethod, Value
from service.siblings.sibling import Metadata, Sibling

_METADATA_SAFE = string.punctuation.replace("%", "") + " "


class Connections:
    """`addresses` maps a sibling's name to `host:port`; names that are not ours are ignored, empty ones count as
    unset. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        clock: Callable[[], float],
        credentials: Credentials = PLAIN,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._clock = clock
        self._tracer = tracer
        self._siblings = {
            name: Sibling(name, addresses[name], Breaker(clock=clock), clock, credentials)
            for name in SIBLINGS
            if addresses.get(name)
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """The siblings without an address."""
        return tuple(name for name in SIBLINGS if name not in self._siblings)

    @property
    def siblings(self) -> Mapping[str, Sibling]:
        """Those with an address."""
        return self._siblings

    def line(self, workspace_id: str, timeout_seconds: float, trace: str = "") -> "Line":
        until = self._clock() + timeout_seconds
        return Line(self._siblings, workspace_id, until, self._clock, trace, self._tracer)

    async def close(self) -> None:
        """Closes every channel; calls in flight come back as transport faults."""
        for sibling in self._siblings.values():
            await sibling.close()


class Line:
    def __init__(
        self,
        siblings: Mapping[str, Sibling],
        workspace_id: str,
        until: float,
        clock: Callable[[], float],
        trace: str,
        tracer: Tracer,
    ) -> None:
        self.workspace_id = workspace_id
        self._siblings = siblings
        self._clock = clock
        self._until = until
        self._half = (clock() + until) / 2
        self._trace = trace
        self._tracer = tracer
        self._metadata = (("x-workspace-id", _ascii(workspace_id)),)

    @property
    def half_gone(self) -> bool:
        """Whether half of the time is gone."""
        return self._clock() >= self._half

    async def look_up(self, method: SiblingMethod[Any, Value], request: Message, share: float = 1.0) -> Value | Fault:
        """Asks something that changes nothing; it may take `share` of the time that is left."""
        raw = request.SerializeToString(deterministic=True)
        return await self._ask(method, raw, self._metadata, share)

    async def send(self, method: SiblingMethod[Any, Value], request: bytes, idempotency_key: str) -> Value | Fault:
        """Sends the very bytes under their key, and waits as long as there is time."""
        metadata = (("idempotency-key", _ascii(idempotency_key)), *self._metadata)
        return await self._ask(method, request, metadata, 1.0)

    async def _ask(
        self, method: SiblingMethod[Any, Value], request: bytes, metadata: Metadata, share: float
    ) -> Value | Fault:
        """Each call has a span of its own, under which the sibling goes on."""
        with self._tracer.span(method.path[1:], self._trace, SpanRole.CLIENT, sibling=method.sibling) as span:
            answer = await self._asked(method, request, (*metadata, *told(span.trace).items()), share)
            if isinstance(answer, Fault):
                span.tell(fault=answer.kind)
                span.fail(answer.reason)
        return answer

    async def _asked(
        self, method: SiblingMethod[Any, Value], request: bytes, metadata: Metadata, share: float
    ) -> Value | Fault:
        sibling = self._siblings.get(method.sibling)
        if sibling is None:
            return not_configured(method.sibling)
        seconds = (self._until - self._clock()) * share
        if seconds <= 0:
            return transport("deadline_exceeded", f"no time was left to ask {method.sibling}")
        return await sibling.ask(method, request, metadata, seconds)


def _ascii(value: str) -> str:
    """Metadata is printable ASCII; all else is percent-encoded, and so are blanks at the ends, where HTTP/2 forbids
    them: whoever passes a call on may drop them, and another workspace would be named, or the call."""
    inner = value.strip(" ")
    before, _, after = value.partition(inner) if inner else (value, "", "")
    return quote(before, safe="") + quote(inner, safe=_METADATA_SAFE) + quote(after, safe="")
