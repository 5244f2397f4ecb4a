"""A stand-in for the schemas beside versions."""

from dataclasses import dataclass

from service.domain.definition import SchemaRevision, Schemas
from service.domain.idempotency import Idem, Replayable
from tests.edge.fakes import NOW, Fake


@dataclass
class FakeSchemas(Fake):
    found: SchemaRevision | None = None

    async def get(self, definition_id: str, number: int, revision: int, visible: str | None) -> SchemaRevision | None:
        self._read((definition_id, number, revision))
        return self.found

    async def put(
        self, definition_id: str, number: int, wanted: Schemas, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[SchemaRevision]:
        await self._write((definition_id, number, wanted, actor, idem))
        stands = Schemas(4, wanted.input, wanted.output)
        return Replayable(SchemaRevision(number or 1, stands, actor, NOW), self.replay)
