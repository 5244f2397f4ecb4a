"""Compiled versions, kept: neither a version nor a revision of its schemas ever changes, so a plan is made once per
process."""

from collections import OrderedDict

from service.domain.definition import Definition
from service.domain.errors import not_found
from service.domain.plan import PATIENCE, Patience, Plan
from service.domain.state import Run
from service.engine.ports.runs import RunStore

CAPACITY = 1000


class Plans:
    def __init__(self, store: RunStore, patience: Patience = PATIENCE) -> None:
        self._store = store
        self._patience = patience
        self._kept: OrderedDict[tuple[str, int, int], Plan] = OrderedDict()

    async def of(self, run: Run) -> Plan:
        """What the run follows."""
        return await self.get(run.definition_id, run.definition_version, run.schema_revision)

    async def to_start(self, definition: Definition, number: int = 0) -> Plan:
        """What a run follows that starts now; 0 is the latest version. Raises Refusal when there is no such version."""
        number = definition.numbered(number)
        return await self.get(definition.id, number, definition.schema_revision(number))

    async def get(self, definition_id: str, number: int, schema_revision: int = 0) -> Plan:
        """Raises Refusal when there is no such version."""
        key = (definition_id, number, schema_revision)
        plan = self._kept.get(key)
        if plan is None:
            plan = self._kept[key] = await self._load(*key)
            if len(self._kept) > CAPACITY:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return plan

    async def _load(self, definition_id: str, number: int, schema_revision: int) -> Plan:
        version = await self._store.version(definition_id, number, schema_revision)
        if version is None:
            raise not_found("version", f"{definition_id}/{number}")
        return Plan.of(version, self._patience)
