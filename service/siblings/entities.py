"""Whom or what a run is about: the canonical entity behind an id, looked up when the run starts.

Not an effect: nothing is owed yet when it is asked. It shares connections and breakers with the calls that are.
"""

from entities.v1.entities_pb2 import EntityType, GetCanonicalRequest, GetCanonicalResponse

from service.domain.answers import Fault
from service.domain.exchange import CanonicalEntity
from service.siblings.connections import Connections
from service.siblings.faults import unknown
from service.siblings.method import Method, demand


class Entities:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def canonical(
        self, entity_id: str, workspace_id: str, timeout_seconds: float
    ) -> CanonicalEntity | Fault | None:
        """The entity as its owner has it; None when this workspace has none of that id. Never raises for what the
        sibling does."""
        line = self._connections.line(workspace_id, timeout_seconds)
        nobody = unknown("entity", entity_id)
        found = await line.look_up(_getting(workspace_id, nobody), GetCanonicalRequest(id=entity_id))
        return None if found == nobody else found


def _getting(workspace_id: str, nobody: Fault) -> Method[GetCanonicalResponse, CanonicalEntity]:
    def read(reply: GetCanonicalResponse) -> CanonicalEntity | Fault:
        entity = reply.entity
        found = CanonicalEntity(demand(entity.id, "entity id"), _type(entity.primary_type), entity.primary_name)
        return found if entity.workspace_id == workspace_id else nobody

    return Method("entities", "/entities.v1.EntityService/GetCanonical", GetCanonicalResponse, read, absent=nobody)


def _type(number: EntityType.ValueType) -> str:
    return EntityType.Name(number) if number and number in EntityType.values() else ""
