"""Serving only while what we need answers.

Every second each dependency is probed; gRPC health and readiness follow. A change is logged once. Probes are given by
wiring, since the edge knows neither the database nor the bus.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from service.edge.server import EdgeServer

WATCH_SECONDS = 1.0
PROBE_SECONDS = 3.0

Probe = Callable[[], Awaitable[bool]]

log = logging.getLogger(__name__)


class Health:
    def __init__(self, edge: EdgeServer, probes: Mapping[str, Probe]) -> None:
        self._edge = edge
        self._probes = probes
        self._found: dict[str, bool] = {}

    def ready(self) -> Mapping[str, bool]:
        """What the last look found."""
        return self._found

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(WATCH_SECONDS)

    async def look(self) -> None:
        answers = await asyncio.gather(*(_answers(probe) for probe in self._probes.values()))
        found = dict(zip(self._probes, answers, strict=True))
        if found == self._found:
            return
        for name in (name for name, up in found.items() if up is not self._found.get(name, True)):
            log.warning("%s %s", name, "answers again" if found[name] else "does not answer")
        self._found = found
        await self._edge.set_serving(all(answers))


async def _answers(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await probe()
    except Exception:  # whatever it is, the dependency is not there
        return False
