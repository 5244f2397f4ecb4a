"""The arena over the real PostgreSQL and the real asyncio: three engines, each with connections of its own.

Nothing waits for time here: `later` shows the engines a clock that is that much ahead of the database's.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from service.domain.answers import Answer, Fault
from service.domain.calls import SiblingCall
from service.domain.decision import Decision
from service.domain.definition import Version
from service.domain.effects import Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run
from service.engine.engine import Engine, Ports
from service.engine.ports.outbox import Unpublished
from service.engine.ports.runs import Applied, Snapshot, Started
from service.engine.ports.siblings import Errand
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.work import WorkQueue
from service.wiring.ids import IDS
from tests.simulation.arena import PATIENT, REPLICAS, drain
from tests.simulation.siblings import WORKSPACE, Office, encoded
from tests.simulation.untriggered import Untriggered


@dataclass
class Ahead:
    """How far the clock that is shown is ahead."""

    by: timedelta = timedelta(0)


class AheadRuns(Runs):
    """The real store with a clock that is ahead."""

    def __init__(self, pool: Pool, ahead: Ahead) -> None:
        super().__init__(pool)
        self._ahead = ahead

    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None:
        snapshot = await super().load(run_id, causes, effects)
        return snapshot and replace(snapshot, now=snapshot.now + self._ahead.by)

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        applied = await super().apply(decision, requests, lease_seconds)
        return replace(applied, now=applied.now + self._ahead.by)

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started:
        started = await super().start(key, decision, requests, lease_seconds)
        return replace(started, now=started.now + self._ahead.by)

    async def now(self) -> datetime:
        return await super().now() + self._ahead.by


class PromptSiblings:
    """Answers at once, from the same office as the simulated ones."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        return encoded(call)

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        await asyncio.sleep(0)
        return self._office.serve(errand)


class NoPublisher:
    """Nothing is published, since no relay runs."""

    async def publish(self, change: Unpublished) -> None:
        raise NotImplementedError


class PostgresArena:
    def __init__(self, pools: Sequence[Pool], reader: Pool, seed: int) -> None:
        self.random = Random(seed)
        self._ahead = Ahead()
        self._office = Office(self.random, lambda event: None, lambda deed, about: None)
        self._definitions = Definitions(pools[0], Reads(reader), IDS)
        self._published: dict[str, Version] = {}
        self.engines: Sequence[Engine] = [self._engine(number, pool) for number, pool in enumerate(pools)]

    def _engine(self, number: int, pool: Pool) -> Engine:
        runs = AheadRuns(pool, self._ahead)
        siblings = PromptSiblings(self._office)
        inbox, outbox = Inbox(pool), ChangeOutbox(pool)
        ports = Ports(runs, WorkQueue(pool), inbox, self._definitions, outbox, siblings, NoPublisher(), Untriggered())
        return Engine(ports, f"replica_{number}", IDS, patience=PATIENT)

    async def publish(self, version: Version) -> Version:
        """Once per definition."""
        name = version.definition_id
        if name not in self._published:
            made = await self._definitions.create(WORKSPACE, name, "", [], "user:ann", None)
            draft = replace(version, definition_id=made.value.id)
            published = await self._definitions.publish(draft, None, "user:ann", None)
            self._published[name] = published.value.version
        return self._published[name]

    async def later(self, seconds: float) -> None:
        self._ahead.by += timedelta(seconds=seconds)
        for engine in self.engines:
            await engine.open()

    async def load(self, run_id: str) -> Run:
        snapshot = await self.engines[0].advance.store.load(run_id)
        assert snapshot is not None
        return snapshot.run

    async def settle(self) -> None:
        await drain(self.engines)

    def run_id(self) -> str:
        return IDS.run()


@asynccontextmanager
async def postgres_arena(dsn: str, seed: int) -> AsyncIterator[PostgresArena]:
    """The database must be migrated."""
    async with AsyncExitStack() as stack:
        reader, *pools = [Pool(dsn, READER, 1), *(Pool(dsn, ENGINE, 4) for _ in range(REPLICAS))]
        for pool in (reader, *pools):
            await pool.open()
            stack.push_async_callback(pool.close)
        arena = PostgresArena(pools, reader, seed)
        for engine in arena.engines:
            await engine.open()
        yield arena
