"""Puts the looking together: what is probed, counted and read, and the pages it is shown on."""

import asyncio
from dataclasses import dataclass
from functools import partial

from service.bus.connection import Connection
from service.bus.listener import Listener
from service.edge.server.health import Health
from service.edge.server.http import HttpServer
from service.edge.server.server import EdgeServer
from service.engine.engine import Engine
from service.engine.purging import Purger
from service.engine.rewind import RewindingOutbox
from service.engine.scheduler import Scheduler
from service.observing.census import KeptCounts
from service.observing.exposition import Exposition
from service.observing.loop_lag import LoopLag
from service.observing.readiness import bus_probe, database_probe, readiness
from service.observing.sources import Observed, sources
from service.siblings import SiblingClients
from service.store.census import Census
from service.store.pool import Pool


@dataclass(frozen=True, slots=True)
class Parts:
    """What is looked at. `reading` is the pool that the looking itself uses."""

    engine: Engine
    scheduler: Scheduler
    retention: Purger
    listener: Listener
    outbox: RewindingOutbox
    edge: EdgeServer
    siblings: SiblingClients
    writing: Pool
    reading: Pool
    bus: Connection
    stream: str


class Observing:
    def __init__(self, parts: Parts) -> None:
        pools = {"engine": parts.writing, "reader": parts.reading}
        probes = {"database": database_probe(parts.reading, parts.writing), "bus": bus_probe(parts.bus, parts.stream)}
        self.health = Health(parts.edge, probes)
        self.census = KeptCounts(Census(parts.reading).take)
        self._loop_lag = LoopLag()
        seen = Observed(
            parts.engine,
            parts.scheduler,
            parts.retention,
            parts.listener,
            parts.outbox,
            parts.siblings,
            pools,
            parts.edge.meter,
            self.health,
            self.census,
            self._loop_lag,
        )
        tell = partial(readiness, self.health, pools, parts.siblings)
        self.http = HttpServer(tell, Exposition(sources(seen)).text)

    async def watch(self) -> None:
        """Looks until it is cancelled."""
        await asyncio.gather(self.health.watch(), self.census.watch(), self._loop_lag.watch())
