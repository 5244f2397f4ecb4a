"""The simulated store behind the engine's ports: every method is one trip over a faulty line to the tables.

Others go on before the statement, between what it sees and what it writes where PostgreSQL would let them, and before
its answer. One `SimulatedStore` is one replica's view; the tables are common to all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from service.domain.bus_event import BusEvent
from service.domain.calls import Deliver
from service.domain.decision import Decision, Wait
from service.domain.definition import Definition, Version
from service.domain.effects import Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run
from service.engine.ports.events import Kept, StoredEvent
from service.engine.ports.outbox import Unpublished
from service.engine.ports.runs import Applied, Snapshot, Started
from service.engine.ports.work import DueRun, Work
from tests.simulation.faults import Way
from tests.simulation.inbox import InboxTables
from tests.simulation.tables import Tables


class SimulatedStore:
    def __init__(self, tables: Tables, inbox: InboxTables, line: Way) -> None:
        self._tables = tables
        self._inbox = inbox
        self._line = line

    # --- runs ------------------------------------------------------------------------------------------------------

    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None:
        return await self._line.ask(lambda: self._tables.load(run_id, causes, effects))

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        return await self._line.ask(lambda: self._tables.apply(decision, requests, lease_seconds))

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started:
        return await self._line.ask(lambda: self._tables.start(key, decision, requests, lease_seconds))

    async def started(self, key: StartKey) -> Started | None:
        return await self._line.ask(lambda: self._tables.started(key))

    async def tree(self, run_id: str, most: int) -> tuple[str, int]:
        return await self._line.ask(lambda: self._tables.tree(run_id, most))

    async def version(self, definition_id: str, number: int, schema_revision: int = 0) -> Version | None:
        return await self._line.ask(lambda: self._tables.version(definition_id, number, schema_revision))

    async def run_at(self, run_id: str, sequence: int) -> Run | None:
        return await self._line.ask(lambda: self._tables.run_at(run_id, sequence))

    async def now(self) -> datetime:
        return await self._line.ask(self._tables.now)

    async def find(self, workspace_id: str, definition_id: str, name: str) -> Definition | None:
        return await self._line.ask(lambda: self._tables.find(workspace_id, definition_id, name))

    # --- owed and due ----------------------------------------------------------------------------------------------

    async def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]:
        return await self._line.ask(lambda: self._tables.claim_effects(limit, lease_seconds))

    async def claim_stops(self, limit: int, lease_seconds: float) -> list[Work]:
        return await self._line.ask(lambda: self._tables.claim_stops(limit, lease_seconds))

    async def claim_due_runs(self, limit: int, lease_seconds: float) -> list[DueRun]:
        return await self._line.ask(lambda: self._tables.claim_due_runs(limit, lease_seconds))

    async def drop_orphan(self, work: Work) -> bool:
        return await self._line.ask(lambda: self._tables.drop_orphan(work))

    async def expire_keys(self, keep_seconds: float, limit: int) -> int:
        return await self._line.ask(lambda: self._tables.expire_keys(keep_seconds, limit))

    # --- events ----------------------------------------------------------------------------------------------------

    async def keep(self, events: Sequence[BusEvent]) -> list[Kept]:
        return await self._line.ask(lambda: self._inbox.keep(events))

    async def route(self, kept: Sequence[Kept], lease_seconds: float) -> list[Work]:
        return await self._line.ask_twice(
            lambda: self._inbox.found_by_route(kept), lambda found: self._inbox.routed(found, lease_seconds)
        )

    async def look(self, run_id: str, workspace_id: str, waits: Sequence[Wait], lease_seconds: float) -> list[Work]:
        return await self._line.ask_twice(
            lambda: self._inbox.found_by_look(run_id, waits), lambda found: self._inbox.looked(found, lease_seconds)
        )

    async def sweep(self, limit: int, lease_seconds: float) -> list[Work]:
        work = await self._line.ask_twice(
            lambda: self._inbox.found_by_sweep(limit), lambda found: self._inbox.looked(found, lease_seconds)
        )
        unrouted = await self._line.ask(lambda: self._inbox.unrouted(limit))
        return work + (await self.route(unrouted, lease_seconds) if unrouted else [])

    async def event(self, workspace_id: str, delivery: Deliver) -> StoredEvent | None:
        return await self._line.ask(lambda: self._inbox.event(workspace_id, delivery))

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        await self._line.ask(lambda: self._inbox.bury(subject, raw, headers, reason))

    async def expire(self, keep_buffered_seconds: float, keep_ids_seconds: float, limit: int) -> int:
        return await self._line.ask(lambda: self._inbox.expire(keep_buffered_seconds, keep_ids_seconds, limit))

    async def expire_letters(self, keep_seconds: float, limit: int) -> int:
        """Letters outlive every story."""
        return 0

    # --- the outbox ------------------------------------------------------------------------------------------------

    async def hold_shards(self, holder: str, lease_seconds: float) -> list[int]:
        return await self._line.ask(lambda: self._tables.hold_shards(holder, lease_seconds))

    async def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]:
        return await self._line.ask(lambda: self._tables.unpublished(shards, limit))

    async def mark_published(self, published: Sequence[tuple[str, int]]) -> None:
        await self._line.ask(lambda: self._tables.mark_published(published))
