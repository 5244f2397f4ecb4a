"""Whom or what a run is about: the canonical entity of an id, or behind a record, looked up when the run starts.

Not an effect: nothing is owed yet when it is asked. It shares connections and breakers with the calls that are.
"""

from typing import TypeVar

from entities.v1.entities_pb2 import (
    EntityType,
    GetCanonicalRequest,
    GetCanonicalResponse,
    ResolveRequest,
    ResolveResponse,
)
from google.protobuf.message import Message

from service.domain.answers import Fault
from service.domain.subject import CanonicalEntity
from service.siblings.connections import Connections, Line
from service.siblings.faults import unknown
from service.siblings.method import SiblingMethod, demand

NOBODY = unknown("entity", "of that id, or behind that record")

Reply = TypeVar("Reply", GetCanonicalResponse, ResolveResponse)


class Entities:
    """None means that this workspace has no such entity. Nothing is raised for what the sibling does."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def canonical(
        self, entity_id: str, workspace_id: str, timeout_seconds: float, trace: str = ""
    ) -> CanonicalEntity | Fault | None:
        """The entity as its owner has it."""
        asking = GetCanonicalRequest(id=entity_id)
        line = self._connections.line(workspace_id, timeout_seconds, trace)
        return await _ask(line, "GetCanonical", GetCanonicalResponse, asking)

    async def resolve(
        self, integration_id: str, record_id: str, workspace_id: str, timeout_seconds: float, trace: str = ""
    ) -> CanonicalEntity | Fault | None:
        """The entity behind a record of a connected system."""
        asking = ResolveRequest(workspace_id=workspace_id, integration_id=integration_id, record_id=record_id)
        line = self._connections.line(workspace_id, timeout_seconds, trace)
        return await _ask(line, "Resolve", ResolveResponse, asking)


async def _ask(line: Line, name: str, reply: type[Reply], request: Message) -> CanonicalEntity | Fault | None:
    def read(answer: Reply) -> CanonicalEntity | Fault:
        entity = answer.entity
        found = CanonicalEntity(demand(entity.id, "entity id"), _type(entity.primary_type), entity.primary_name)
        return found if entity.workspace_id == line.workspace_id else NOBODY

    method = SiblingMethod("entities", f"/entities.v1.EntityService/{name}", reply, read, absent=NOBODY)
    found = await line.look_up(method, request)
    return None if found == NOBODY else found


def _type(number: EntityType.ValueType) -> str:
    return EntityType.Name(number) if number and number in EntityType.values() else ""
