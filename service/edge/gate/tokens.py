"""From a bearer token to its caller, remembered for a while.

Identity is asked once per token and half a minute, however many calls come at once; a token that ends sooner is
forgotten sooner, and that one is not good is believed for five seconds only. While identity does not answer, tokens
that are still remembered go on. Only digests of tokens are kept, so many at most, and those that are not good crowd
out no good ones. Called by the gate for every call: what is remembered costs a digest and a look-up.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol, TypeAlias

from service.domain.answers import Fault
from service.domain.errors import Kind, Refusal
from service.domain.identity import TokenHolder
from service.edge.gate import holders
from service.edge.gate.caller import Caller

GOOD_SECONDS = 30.0
BAD_SECONDS = 5.0
ASK_SECONDS = 3.0
MOST = 10_000
MOST_WAITING = 1_000
"""Calls that wait for identity at once; while it is slow, made-up tokens must not pile up here."""

Verdict: TypeAlias = Caller | Refusal

_log = logging.getLogger(__name__)


class Introspector(Protocol):
    async def introspect(self, token: str, timeout_seconds: float) -> TokenHolder | Fault | None:
        """None when the token is not good, a Fault when identity does not say."""
        ...


@dataclass(frozen=True, slots=True)
class Good:
    until: float
    caller: Caller


@dataclass(frozen=True, slots=True)
class Bad:
    until: float
    refusal: Refusal


class Tokens:
    """`workspaces` says which workspace an organization's tokens see; others see the one of the organization's own id.
    `monotonic` is in seconds, `now` the time of day, for when a token ends."""

    def __init__(
        self,
        identity: Introspector,
        workspaces: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        most: int = MOST,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._identity = identity
        self._workspaces = workspaces
        self._monotonic = monotonic
        self._now = now
        self._most = most
        self._free = most_waiting
        self._good: dict[bytes, Good] = {}
        self._bad: dict[bytes, Bad] = {}
        self._asking: dict[bytes, asyncio.Task[Verdict]] = {}

    def remembered(self, token: str) -> Caller | None:
        """Its caller, if that is still known; None says nothing."""
        known = self._good.get(_digest(token))
        if known is None or self._monotonic() >= known.until:
            return None
        return known.caller

    async def caller(self, token: str) -> Caller:
        """Raises Refusal: UNKNOWN_CALLER, DENIED where the token sees no workspace, UNAVAILABLE."""
        if (known := self.remembered(token)) is not None:
            return known
        key = _digest(token)
        refused = self._bad.get(key)
        if refused is not None and self._monotonic() < refused.until:
            verdict: Verdict = refused.refusal
        else:
            verdict = await self._asked(key, token)
        if isinstance(verdict, Refusal):
            raise verdict.with_traceback(None)  # it may be raised many times, and must not gather its past
        return verdict

    async def _asked(self, key: bytes, token: str) -> Verdict:
        """One question for all who want to know at once; whoever goes away does not take it along."""
        if self._free == 0:
            return Refusal(Kind.UNAVAILABLE, "identity_unavailable", "too many tokens are being asked about")
        self._free -= 1
        try:
            return await asyncio.shield(self._question(key, token))
        finally:
            self._free += 1

    def _question(self, key: bytes, token: str) -> asyncio.Task[Verdict]:
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key, token))
            asking.add_done_callback(lambda _: self._asking.pop(key))
        return asking

    async def _ask(self, key: bytes, token: str) -> Verdict:
        found = await self._identity.introspect(token, ASK_SECONDS)
        if isinstance(found, Fault):
            _log.warning("identity does not say whose a token is: %s", found.reason)
            return Refusal(Kind.UNAVAILABLE, "identity_unavailable", "the identity service does not answer")
        verdict, seconds = self._judged(found)
        self._remember(key, verdict, self._monotonic() + seconds)
        return verdict

    def _judged(self, holder: TokenHolder | None) -> tuple[Verdict, float]:
        """And for how many seconds that holds."""
        if holder is None:
            return Refusal(Kind.UNKNOWN_CALLER, "token_inactive", "the token is not good"), BAD_SECONDS
        left = (holder.expires_at - self._now()).total_seconds() if holder.expires_at else GOOD_SECONDS
        if left <= 0:
            return Refusal(Kind.UNKNOWN_CALLER, "token_expired", "the token has expired"), BAD_SECONDS
        verdict = holders.caller_of(holder, self._workspaces)
        return verdict, min(left, BAD_SECONDS if isinstance(verdict, Refusal) else GOOD_SECONDS)

    def _remember(self, key: bytes, verdict: Verdict, until: float) -> None:
        """The oldest are forgotten first; they are the first to be asked about again anyway."""
        self._good.pop(key, None)
        self._bad.pop(key, None)
        if isinstance(verdict, Refusal):
            self._bad[key] = Bad(until, verdict)
        else:
            self._good[key] = Good(until, verdict)
        for kept in (self._good, self._bad):
            if len(kept) > self._most:
                del kept[next(iter(kept))]


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
