"""What a run is about, as the entities service knows it.

A caller names an entity, an event of the tap names a record of a connected system. Its owner is asked before the run
begins, never afterwards. Where the operator requires entities to be known, a start about an unknown one is refused, and
one whose owner does not answer has to wait; elsewhere what was said is recorded as it was. A record is asked for more
patiently: what nobody waits for can wait for its owner, so an owner that is down delays the start there, too.

Called by the edge for StartRun and by the starter for what events start. Whoever asks twice may hear two answers: the
start key decides which of them a run begins with.
"""

from dataclasses import dataclass
from typing import Protocol

from service.domain.answers import Fault, FaultKind
from service.domain.bus_event import Tap
from service.domain.errors import Kind, Refusal, conflict
from service.domain.subject import CanonicalEntity, Subject

SECONDS = 2.0


class Directory(Protocol):
    """The service that owns entities. None is no such entity; a Fault: its owner does not say, or is not configured.

    `trace` is of what the run is to be started for."""

    async def canonical(
        self, entity_id: str, workspace_id: str, timeout_seconds: float, trace: str
    ) -> CanonicalEntity | Fault | None: ...

    async def resolve(
        self, integration_id: str, record_id: str, workspace_id: str, timeout_seconds: float, trace: str
    ) -> CanonicalEntity | Fault | None:
        """The entity behind one record of a connected system."""
        ...


@dataclass(frozen=True, slots=True)
class Subjects:
    """Without a directory nobody is asked."""

    directory: Directory | None = None
    required: bool = False

    async def named(self, said: Subject, workspace_id: str, trace: str = "") -> Subject:
        """The entity that a caller names, with the type that the caller left out. Raises Refusal, only where entities
        are required."""
        if not said.entity_id or self.directory is None:
            return said
        found = await self.directory.canonical(said.entity_id, workspace_id, SECONDS, trace)
        if self.required:
            _check(said, found)
        if isinstance(found, CanonicalEntity) and not said.entity_type:
            return Subject(said.entity_id, found.entity_type)
        return said

    async def of_record(self, tap: Tap, workspace_id: str, trace: str = "") -> Subject:
        """The entity behind the record that has changed, or the record itself when nobody knows it. Raises Refusal:
        UNAVAILABLE when that cannot be told now."""
        record = Subject(tap.entity_id, tap.entity_type)
        if not record.entity_id or self.directory is None:
            return record
        found = await self.directory.resolve(tap.provider, tap.entity_id, workspace_id, SECONDS, trace)
        if isinstance(found, CanonicalEntity):
            return Subject(found.id, found.entity_type or tap.entity_type)
        if self.required and found is None:
            raise conflict("unknown_entity", f"record {tap.entity_id!r} of {tap.provider!r} is no known entity")
        if isinstance(found, Fault) and (self.required or found.kind is FaultKind.TRANSPORT):
            raise _unavailable()
        return record


NOBODY_IS_ASKED = Subjects()


def _check(said: Subject, found: CanonicalEntity | Fault | None) -> None:
    if found is None:
        raise conflict("unknown_entity", f"entity {said.entity_id!r} is not known")
    if isinstance(found, Fault):
        raise _unavailable()
    if _contradict(said.entity_type, found.entity_type):
        raise conflict("entity_type_mismatch", f"entity {said.entity_id!r} is not a {said.entity_type!r}")


def _unavailable() -> Refusal:
    return Refusal(Kind.UNAVAILABLE, "entities_unavailable", "the entities service does not answer")


def _contradict(said: str, known: str) -> bool:
    """Types are the enum's names; callers may leave out the prefix and write them in any case."""
    return bool(said and known) and _bare(said) != _bare(known)


def _bare(entity_type: str) -> str:
    return entity_type.upper().removeprefix("ENTITY_TYPE_")
