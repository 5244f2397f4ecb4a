"""What starts definitions by itself: its index, the deliveries of events to definitions, and repeated calls about them.

The index has one row per definition, written with the version whose trigger it is; it only finds candidates, so a row
that is a moment old starts nothing wrong. Deliveries are written by routing (`inbox`) under a lease and settled here.
Satisfies the engine's TriggerStore; `index` and `enable` are called by `definitions` within its transactions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from service.domain.bus_event import BusEvent
from service.domain.definition import Trigger
from service.domain.errors import key_reused
from service.domain.idempotency import Idem
from service.domain.triggers import address
from service.engine.ports.triggers import TriggerDelivery
from service.store.codec import dumps
from service.store.pool import Connection, Pool
from service.store.queries import query

METHOD = "HandleTrigger"


async def index(connection: Connection, definition_id: str, trigger: Trigger | None) -> None:
    """Replaces what the version before had."""
    if found := address(trigger):
        await connection.execute(query("trigger_put"), (definition_id, found))
    else:
        await connection.execute(query("trigger_remove"), (definition_id,))


async def enable(connection: Connection, definition_id: str, enabled: bool) -> None:
    await connection.execute(query("trigger_enable"), (definition_id, enabled))


class Triggers:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_starts(self, limit: int, lease_seconds: float) -> list[TriggerDelivery]:
        rows = await self._pool.write(query("deliveries_claim"), (limit, lease_seconds))
        return [TriggerDelivery(*row) for row in rows]

    async def end_start(self, delivery: TriggerDelivery) -> None:
        ended = (delivery.outcome, delivery.run_id, delivery.sequence)
        await self._pool.write(query("delivery_end"), (*_key(delivery), *ended))

    async def drop_start(self, delivery: TriggerDelivery) -> None:
        await self._pool.write(query("delivery_drop"), _key(delivery))

    async def postpone_start(self, delivery: TriggerDelivery) -> None:
        await self._pool.write(query("delivery_postpone"), _key(delivery))

    async def starts_of(self, event: BusEvent) -> list[TriggerDelivery]:
        rows = await self._pool.read(query("deliveries_of_event"), (event.tenant, event.source, event.id))
        return [TriggerDelivery(*row) for row in rows]

    async def is_owed(self, event: BusEvent) -> bool:
        rows = await self._pool.read(query("event_is_owed"), (event.tenant, event.source, event.id))
        return bool(rows)

    async def moved_by(self, event: BusEvent) -> list[tuple[str, int]]:
        rows = await self._pool.read(query("runs_moved"), (event.tenant, event.cause))
        return [(run_id, sequence) for run_id, sequence in rows]

    async def scheduled(self, workspace_id: str, address: str) -> list[str]:
        rows = await self._pool.read(query("triggers_scheduled"), (workspace_id, address))
        return [definition_id for (definition_id,) in rows]

    # --- calls that are repeated under the caller's key ------------------------------------------------------------

    async def answered(self, workspace_id: str, idem: Idem) -> Mapping[str, Sequence[tuple[str, int]]] | None:
        """What was answered under this key; None when it is the caller's to answer. Raises Refusal when the key was
        used with another request."""
        key = (workspace_id, idem.scope, idem.key)
        rows = await self._pool.write(query("answer_claim"), (*key, METHOD, idem.digest))
        if not rows:
            return None
        method, digest, response = rows[0]
        if (method, digest) != (METHOD, idem.digest):
            raise key_reused()
        known: dict[str, Any] | None = orjson.loads(response) if response else None
        return known

    async def answer(self, workspace_id: str, idem: Idem, runs: Mapping[str, Sequence[tuple[str, int]]]) -> None:
        key = (workspace_id, idem.scope, idem.key)
        await self._pool.write(query("answer_complete"), (*key, dumps(runs)))


def _key(delivery: TriggerDelivery) -> tuple[str, str, str, str]:
    return delivery.workspace_id, delivery.source, delivery.event_id, delivery.definition_id
