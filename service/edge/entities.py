"""What a run is about, as the entities service knows it.

Whoever starts a run may name an entity. Its owner is asked for it before the run begins: where the operator requires
entities to be known, a start that names an unknown one is refused; elsewhere the caller's word is recorded as given,
whatever the owner says or fails to say. A type that the caller left out is filled in. Called by `EngineRuns`.
"""

from dataclasses import replace

from service.domain.answers import Fault
from service.domain.errors import Kind, Refusal, conflict
from service.domain.exchange import CanonicalEntity, StartRequest
from service.edge.app import Directory

SECONDS = 2.0


class EntityLookup:
    def __init__(self, directory: Directory, *, required: bool) -> None:
        self._directory = directory
        self._required = required

    async def settled(self, request: StartRequest, workspace_id: str) -> StartRequest:
        """The request with its entity's type. Raises Refusal, only where entities are required."""
        if not request.entity_id:
            return request
        found = await self._directory.canonical(request.entity_id, workspace_id, SECONDS)
        if self._required:
            _check(request, found)
        if isinstance(found, CanonicalEntity) and not request.entity_type:
            return replace(request, entity_type=found.entity_type)
        return request


def _check(request: StartRequest, found: CanonicalEntity | Fault | None) -> None:
    if found is None:
        raise conflict("unknown_entity", f"entity {request.entity_id!r} is not known")
    if isinstance(found, Fault):
        raise Refusal(Kind.UNAVAILABLE, "entities_unavailable", "the entities service does not answer")
    if _contradict(request.entity_type, found.entity_type):
        raise conflict("entity_type_mismatch", f"entity {request.entity_id!r} is not a {request.entity_type!r}")


def _contradict(said: str, known: str) -> bool:
    """Types are the enum's names; callers may leave out the prefix and write them in any case."""
    return bool(said and known) and _bare(said) != _bare(known)


def _bare(entity_type: str) -> str:
    return entity_type.upper().removeprefix("ENTITY_TYPE_")
