"""What the RPCs on runs mean to the engine: satisfies `app.Runs`.

Starting needs the definition, the version's plan, what is known of the entity and the parent, and a start key;
everything else is a command to a run or a read. The start key says who may start: an event starts a definition once, a
caller's key one run, and a start without either gets a key of its own.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from service.domain.commands import Envelope, StartRun
from service.domain.decision import Repeated
from service.domain.definition import Definition, TriggerType
from service.domain.errors import Kind, Refusal, not_found
from service.domain.exchange import Idem, Page, Replayable, RunFilter, StartRequest
from service.domain.state import Run
from service.edge.app import Definitions
from service.edge.entities import EntityLookup
from service.engine.advance import Advance
from service.engine.plans import Plans
from service.engine.ports import StartKey

BY_EVENT = frozenset({TriggerType.EVENT, TriggerType.WEBHOOK})


class Reads(Protocol):
    """Reading runs, seeing only what the workspace may see."""

    async def run(self, run_id: str, visible: str | None) -> Run | None: ...

    async def runs(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]: ...


class EngineRuns:
    def __init__(
        self,
        advance: Advance,
        plans: Plans,
        definitions: Definitions,
        entities: EntityLookup,
        reads: Reads,
        new_id: Callable[[], str],
    ) -> None:
        self._advance = advance
        self._plans = plans
        self._definitions = definitions
        self._entities = entities
        self._reads = reads
        self._new_id = new_id

    async def start(self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None) -> Replayable[Run]:
        """Raises Refusal."""
        definition = await self._definition(request, visible)
        number = request.definition_version or definition.latest_version
        if number == 0:
            raise Refusal(Kind.NOT_FOUND, "not_published", "the definition has no published version yet")
        plan = await self._plans.get(definition.id, number)
        parent = await self._parent(request, definition)
        known = await self._entities.settled(request, definition.workspace_id)
        command = _command(known, parent, f"wfr_{self._new_id()}")
        key = _start_key(request, definition, command, idem)
        outcome = await self._advance.start(key, plan, Envelope(command, actor, f"{key.scope}/{key.key}"))
        return Replayable(outcome.run, isinstance(outcome.verdict, Repeated))

    async def transition(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        """Raises Refusal."""
        outcome = await self._advance.submit(run_id, envelope, visible)
        return Replayable(outcome.run, isinstance(outcome.verdict, Repeated))

    async def get(self, run_id: str, visible: str | None) -> Run | None:
        return await self._reads.run(run_id, visible)

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]:
        return await self._reads.runs(chosen, limit, offset)

    async def _definition(self, request: StartRequest, visible: str | None) -> Definition:
        definition = await self._definitions.get(request.definition_id, visible)
        if definition is None or request.workspace_id not in ("", definition.workspace_id):
            raise not_found("definition", request.definition_id)
        return definition

    async def _parent(self, request: StartRequest, definition: Definition) -> Run | None:
        if not request.parent_run_id:
            return None
        parent = await self._reads.run(request.parent_run_id, definition.workspace_id)
        if parent is None:
            raise not_found("run", request.parent_run_id)
        return parent


def _command(request: StartRequest, parent: Run | None, run_id: str) -> StartRun:
    return StartRun(
        run_id=run_id,
        trigger_type=request.trigger_type,
        input_payload=request.input_payload,
        trigger_event_id=request.trigger_event_id,
        initiator_agent_id=request.initiator_agent_id,
        initiator_user_id=request.initiator_user_id,
        parent_run_id=request.parent_run_id,
        depth=parent.depth + 1 if parent else 1,
        chain=(*parent.chain, parent.definition_id) if parent else (),
        entity_id=request.entity_id,
        entity_type=request.entity_type,
    )


def _start_key(request: StartRequest, definition: Definition, command: StartRun, idem: Idem | None) -> StartKey:
    digest = idem.digest if idem else sha256(repr(request).encode()).digest()
    if request.trigger_type in BY_EVENT:
        return StartKey(definition.workspace_id, f"event:{definition.id}", request.trigger_event_id, digest)
    if idem:
        return StartKey(definition.workspace_id, f"rpc:{idem.scope}", idem.key, digest)
    return StartKey(definition.workspace_id, "once", command.run_id, digest)
