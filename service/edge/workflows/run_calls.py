"""What the RPCs on runs mean to the engine.

Starting needs the definition, the version's plan, what is known of the entity and the parent, and a start key; a fork
needs the run it is made from. Everything else is a command to a run or a read. The start key says who may start: an
event starts a definition once, a caller's key one run, and a start without either gets a key of its own.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from service.domain import start_keys
from service.domain.beginning import check_enabled
from service.domain.commands import Envelope, ForkRun, StartRun
from service.domain.decision import Repeated
from service.domain.definition import BY_EVENT, Definition
from service.domain.errors import Refusal, not_found
from service.domain.idempotency import Idem, Replayable
from service.domain.ids import Ids
from service.domain.paging import Page
from service.domain.plan import Plan
from service.domain.run_search import RunFilter
from service.domain.start_keys import StartKey
from service.domain.start_requests import ForkRequest, StartRequest
from service.domain.state import Run
from service.domain.subject import Subject
from service.domain.undo_preview import ToUndo, to_undo
from service.edge.rpc import traces
from service.edge.workflows.definition_calls import Definitions
from service.engine.advance import Advance
from service.engine.plans import Plans
from service.engine.subjects import Subjects


class Runs(Protocol):
    async def start(
        self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Run]: ...

    async def change(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        """Brings a command to the run; gives the run as the command left it."""
        ...

    async def fork(
        self, request: ForkRequest, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Run]: ...

    async def to_undo(self, run_id: str, visible: str | None) -> Sequence[Sequence[ToUndo]] | None:
        """What a compensation would undo now, level by level; None when there is no such run."""
        ...

    async def get(self, run_id: str, visible: str | None) -> Run | None: ...

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]: ...


class Reads(Protocol):
    """Reading runs, seeing only what the workspace may see."""

    async def run(self, run_id: str, visible: str | None, known: Run | None = None) -> Run | None:
        """`known` is what is remembered of it, and given back when it has not changed since."""
        ...

    async def runs(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]: ...


class EngineRuns:
    def __init__(
        self,
        advance: Advance,
        plans: Plans,
        definitions: Definitions,
        subjects: Subjects,
        reads: Reads,
        ids: Ids,
    ) -> None:
        self._advance = advance
        self._plans = plans
        self._definitions = definitions
        self._subjects = subjects
        self._reads = reads
        self._ids = ids

    async def start(self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None) -> Replayable[Run]:
        """Raises Refusal."""
        definition = await self._definition(request, visible)
        run_id = self._ids.run()
        key = _start_key(request, definition, run_id, idem)
        try:
            plan, command = await self._prepared(request, definition, run_id)
        except Refusal as refusal:
            reply = await self._advance.begun_before(key, refusal)
        else:
            reply = await self._advance.start(key, plan, _envelope(command, actor, key))
        return Replayable(reply.run, isinstance(reply.verdict, Repeated))

    async def change(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        """Raises Refusal."""
        reply = await self._advance.submit(run_id, envelope, visible)
        return Replayable(reply.run, isinstance(reply.verdict, Repeated))

    async def fork(self, request: ForkRequest, visible: str | None, actor: str, idem: Idem | None) -> Replayable[Run]:
        """Raises Refusal."""
        source = await self._reads.run(request.run_id, visible)
        if source is None:
            raise not_found("run", request.run_id)
        definition = await self._definitions.get(source.definition_id, visible)
        if definition is None:
            raise not_found("definition", source.definition_id)
        check_enabled(definition)
        plan = await self._plans.to_start(definition, request.definition_version or source.definition_version)
        run_id = self._ids.run()
        command = ForkRun(run_id, request.step_id, request.reason, definition.max_run_seconds)
        key = start_keys.by_call(source.workspace_id, run_id, idem, start_keys.FORK)
        reply = await self._advance.fork(key, plan, source, _envelope(command, actor, key))
        return Replayable(reply.run, isinstance(reply.verdict, Repeated))

    async def to_undo(self, run_id: str, visible: str | None) -> Sequence[Sequence[ToUndo]] | None:
        run = await self._reads.run(run_id, visible)
        if run is None:
            return None
        return to_undo(await self._plans.of(run), run)

    async def get(self, run_id: str, visible: str | None) -> Run | None:
        """What this process remembers is neither read nor rendered anew, but it is asked whether it still holds."""
        return await self._reads.run(run_id, visible, self._advance.recent.get(run_id))

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]:
        return await self._reads.runs(chosen, limit, offset)

    async def _prepared(self, request: StartRequest, definition: Definition, run_id: str) -> tuple[Plan, StartRun]:
        check_enabled(definition)
        plan = await self._plans.to_start(definition, request.definition_version)
        parent = await self._parent(request, definition)
        said = Subject(request.entity_id, request.entity_type)
        about = await self._subjects.named(said, definition.workspace_id, traces.current())
        return plan, _command(request, about, parent, run_id, definition.max_run_seconds)

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


def _command(request: StartRequest, about: Subject, parent: Run | None, run_id: str, max_seconds: int) -> StartRun:
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
        entity_id=about.entity_id,
        entity_type=about.entity_type,
        max_seconds=max_seconds,
    )


def _start_key(request: StartRequest, definition: Definition, run_id: str, idem: Idem | None) -> StartKey:
    if request.trigger_type in BY_EVENT:
        digest = idem.digest if idem else sha256(repr(request).encode()).digest()
        return start_keys.by_event(definition.workspace_id, definition.id, request.trigger_event_id, digest)
    return start_keys.by_call(definition.workspace_id, run_id, idem)


def _envelope(command: StartRun | ForkRun, actor: str, key: StartKey) -> Envelope:
    return Envelope(command, actor, f"{key.scope}/{key.key}", trace=traces.current())
