"""What /readyz tells: how each dependency was found last, and how the siblings do.

The probes look every second, and every few seconds more closely: at the schema, and at the stream. The database will do
while it answers, has the schema of this release and takes writes; the bus while it is connected and JetStream answers.
Siblings are for information, since a missing one fails steps and not the service.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

from service.bus.connection import Connection
from service.bus.streams import look_at_stream
from service.domain.calls import SIBLINGS
from service.edge.server.health import Found, Health, Probe, Standing
from service.edge.server.http import Readiness
from service.siblings import SiblingClients
from service.siblings.sibling import Sibling
from service.store.facts import DatabaseFacts
from service.store.pool import Pool
from service.store.writing import refusal

CLOSELY_SECONDS = 5.0


class Closely:
    """A probe that looks closely now and then, and `briefly` in between. After a bad look the next one is close."""

    def __init__(self, closely: Probe, briefly: Probe, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._closely = closely
        self._briefly = briefly
        self._monotonic = monotonic
        self._last: Found | None = None
        self._until = 0.0

    async def __call__(self) -> Found:
        kept, self._last = self._last, None
        if kept is None or not kept.ok or self._monotonic() >= self._until:
            kept = await self._closely()
            self._until = self._monotonic() + CLOSELY_SECONDS
        elif not (brief := await self._briefly()).ok:
            return brief
        self._last = kept
        return kept


def database_probe(pool: Pool, writing: Pool) -> Probe:
    facts = DatabaseFacts(pool)

    async def closely() -> Found:
        seen = await facts.look()
        return Found(seen.fit, asdict(seen))

    async def briefly() -> Found:
        return Found(bool(await pool.read(b"select 1")))

    look = Closely(closely, briefly)

    async def probe() -> Found:
        if refused := await refusal(writing):
            return Found(False, {"trouble": f"it refuses writes (SQLSTATE {refused})"})
        return await look()

    return probe


def bus_probe(bus: Connection, stream: str) -> Probe:
    async def closely() -> Found:
        if not bus.connected:
            return Found(False, {"connected": False})
        seen = await look_at_stream(bus, stream)
        return Found(True, {"connected": True, "jetstream": True, "stream": seen and seen._asdict()})

    async def briefly() -> Found:
        return Found(bus.connected, {"connected": bus.connected})

    return Closely(closely, briefly)


def readiness(health: Health, pools: Mapping[str, Pool], siblings: SiblingClients) -> Readiness:
    """What is known now; asks nobody."""
    shown: dict[str, object] = {name: _shown(standing) for name, standing in health.standings.items()}
    shown["pools"] = {name: _use(pool) for name, pool in pools.items()}
    shown["siblings"] = {name: _sibling(siblings.configured.get(name)) for name in SIBLINGS}
    return Readiness(health.ready, shown)


def _shown(standing: Standing) -> dict[str, object]:
    return {
        "ok": standing.found.ok,
        "latency_ms": round(standing.seconds * 1000, 2),
        "since": standing.since.isoformat(timespec="milliseconds"),
        **standing.found.facts,
    }


def _use(pool: Pool) -> dict[str, object]:
    use = pool.use
    return {"most": use.most, "open": use.size, "in_use": use.in_use, "waiting": use.waiting}


def _sibling(sibling: Sibling | None) -> dict[str, object]:
    if sibling is None:
        return {"configured": False}
    silent = sibling.silent_seconds
    answered = None if silent is None else round(silent, 1)
    return {"configured": True, "breaker": sibling.breaker.state.value, "answered_seconds_ago": answered}
