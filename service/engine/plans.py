"""Compiled versions, kept: a version never changes, so its plan is made once per process."""

from collections import OrderedDict

from service.domain.errors import not_found
from service.domain.plan import PATIENCE, Patience, Plan
from service.engine.ports import RunStore


class Plans:
    def __init__(self, store: RunStore, patience: Patience = PATIENCE, capacity: int = 1000) -> None:
        self._store = store
        self._patience = patience
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, int], Plan] = OrderedDict()

    async def get(self, definition_id: str, number: int) -> Plan:
        """Raises Refusal when there is no such version."""
        key = (definition_id, number)
        plan = self._kept.get(key)
        if plan is None:
            plan = self._kept[key] = await self._load(definition_id, number)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return plan

    async def _load(self, definition_id: str, number: int) -> Plan:
        version = await self._store.version(definition_id, number)
        if version is None:
            raise not_found("version", f"{definition_id}/{number}")
        return Plan.of(version, self._patience)
