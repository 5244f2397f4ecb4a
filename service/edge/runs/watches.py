"""Following what happens until nothing more can: so many streams at once, and all of them end when the server stops.

A watch looks into the history again and again, soon while something happens and more seldom while nothing does. It
polls, because any replica may move the run that is watched here; it holds no connection between two looks. Called by
the servicer of runs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import uniform
from typing import TypeAlias

from service.domain.errors import Kind, Refusal
from service.domain.run_history import EventPage, RunEvent
from service.edge.gate.room import Room

MOST_WATCHES = 100
SOON_SECONDS = 0.25
SELDOM_SECONDS = 1.0
SEND_SECONDS = 30.0
"""A watcher that takes nothing for so long gives its place to others."""

Look: TypeAlias = Callable[[int], Awaitable[EventPage]]
Send: TypeAlias = Callable[[RunEvent], Awaitable[None]]


class Watches:
    def __init__(
        self, most: int = MOST_WATCHES, soon_seconds: float = SOON_SECONDS, send_seconds: float = SEND_SECONDS
    ) -> None:
        self._room = Room(most, lambda: Refusal(Kind.EXHAUSTED, "too_many_watches", "too many runs are being watched"))
        self._soon_seconds = soon_seconds
        self._send_seconds = send_seconds
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Ends every watch after what it is sending; new ones end as well."""
        self._ending.set()

    async def follow(self, look: Look, send: Send, after: int, workspace: str | None = None) -> None:
        """Sends every event after the sequence `after`; returns when no more can follow. `workspace` is the one that
        the watcher sees, None for all. Raises Refusal when there are too many watches, when nothing is taken for long,
        or when the server stops."""
        with self._room.place(workspace):
            await self._follow(look, send, after)

    async def _follow(self, look: Look, send: Send, after: int) -> None:
        rest = self._soon_seconds
        while True:
            page = await look(after)
            for event in page.events:
                await self._send(send, event)
                after = event.sequence
            if page.ended:
                return
            rest = self._soon_seconds if page.events else min(rest * 2, SELDOM_SECONDS)
            await self._rest(rest)

    async def _send(self, send: Send, event: RunEvent) -> None:
        try:
            async with asyncio.timeout(self._send_seconds):
                await send(event)
        except TimeoutError:
            raise Refusal(Kind.EXHAUSTED, "watch_too_slow", "what happens is not being read") from None

    async def _rest(self, seconds: float) -> None:
        """Unequal rests keep many watches from looking at the same moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * uniform(0.75, 1.25)):
                await self._ending.wait()
        if self._ending.is_set():
            raise Refusal(Kind.UNAVAILABLE, "server_stopping", "the server stops: watch again from the last sequence")
