"""Serving only while what we need answers.

Every second each dependency is probed; gRPC health and readiness follow. A change is logged once. What is told is
always the last look, so that asking never waits. Probes are given by `observing`, since the edge knows neither the
database nor the bus.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.edge.server.server import EdgeServer

WATCH_SECONDS = 1.0
PROBE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found: whether the dependency will do, and what there is to say of it."""

    ok: bool
    facts: Mapping[str, object] = field(default_factory=dict)


SILENT = Found(False, {"trouble": "it does not answer"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a dependency was found last: how long it took to answer, and since when it has been ok, or has not."""

    found: Found
    seconds: float
    since: datetime


Probe = Callable[[], Awaitable[Found]]
"""Whatever it raises means that the dependency is not there."""

log = logging.getLogger(__name__)


class Health:
    def __init__(self, edge: EdgeServer, probes: Mapping[str, Probe]) -> None:
        self._edge = edge
        self._probes = probes
        self._standings: dict[str, Standing] = {}
        self._under_way: dict[str, asyncio.Task[tuple[Found, float]]] = {}

    @property
    def standings(self) -> Mapping[str, Standing]:
        """What the last look found; empty before the first."""
        return self._standings

    @property
    def ready(self) -> bool:
        return bool(self._standings) and all(standing.found.ok for standing in self._standings.values())

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            await self._leave()

    async def look(self) -> None:
        before = self.ready if self._standings else None
        answers = await asyncio.gather(*(self._probe(name) for name in self._probes))
        for name, (found, seconds) in zip(self._probes, answers, strict=True):
            self._standings[name] = self._standing(name, found, seconds)
        if self.ready is not before:
            await self._edge.set_serving(self.ready)

    async def _probe(self, name: str) -> tuple[Found, float]:
        """Never waits longer than it says: a probe that hangs is cancelled, and left to it while that takes long."""
        probing = self._under_way.get(name) or asyncio.create_task(_probed(self._probes[name]))
        self._under_way[name] = probing
        await asyncio.wait({probing}, timeout=PROBE_SECONDS)
        if not probing.done():
            _cancel(probing)
            return SILENT, PROBE_SECONDS
        del self._under_way[name]
        return (SILENT, PROBE_SECONDS) if probing.cancelled() else probing.result()

    async def _leave(self) -> None:
        """Whoever closes what the probes use comes after them, if they end in time."""
        for probing in self._under_way.values():
            _cancel(probing)
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=PROBE_SECONDS)

    def _standing(self, name: str, found: Found, seconds: float) -> Standing:
        last = self._standings.get(name)
        if last is not None and last.found.ok is found.ok:
            return Standing(found, seconds, last.since)
        if last is not None or not found.ok:
            log.warning("%s %s", name, "answers again" if found.ok else "does not answer, or is not what is needed")
        return Standing(found, seconds, datetime.now(UTC))


def _cancel(probing: "asyncio.Task[Any]") -> None:
    """Once: a statement that is being given up would lose its connection by being cancelled again."""
    if not probing.cancelling():
        probing.cancel()


async def _probed(probe: Probe) -> tuple[Found, float]:
    begun = time.perf_counter()
    try:
        found = await probe()
    except Exception:  # whatever it is, the dependency is not there
        found = SILENT
    return found, time.perf_counter() - begun
