"""What runs owe other runs: starting and controlling a child, and telling the parent what became of it.

Such an effect is performed by a command to the other run, so each run changes only through its own fence. Starting is
guarded by the effect's key as start key, telling and cancelling by the state of the run that is told; so all three may
happen twice and count once. Called by the dispatcher.
"""

from decimal import Decimal
from typing import assert_never, get_args

import orjson

from service.domain import start_keys
from service.domain.answers import Answer, ChildStarted, Fault, FaultKind, RunTold
from service.domain.beginning import check_enabled
from service.domain.calls import CancelChild, CompensateChild, PauseChild, ResumeChild, RunCall, StartChild, TellParent
from service.domain.commands import (
    OURSELVES,
    PARENT,
    CancelRun,
    ChildEnded,
    CompensateRun,
    ControlCommand,
    Envelope,
    PauseRun,
    ResumeRun,
    StartRun,
)
from service.domain.definition import TriggerType
from service.domain.errors import Refusal, not_found
from service.domain.heard import wanted
from service.domain.ids import Ids
from service.domain.plan import Plan
from service.domain.state import RunState
from service.engine.advance import Advance
from service.engine.ports.catalogue import Catalogue
from service.engine.ports.work import Work
from service.engine.trees import Trees

PASSING_REASONS = frozenset({"run_not_ended"})
"""A child that is to be undone may have to hear first that it is cancelled: the two words are not in order."""

_CALLS: dict[str, type[RunCall]] = {call.__name__: call for call in get_args(RunCall)}


class Crossing:
    def __init__(self, advance: Advance, catalogue: Catalogue, trees: Trees, ids: Ids) -> None:
        self._advance = advance
        self._catalogue = catalogue
        self._trees = trees
        self._ids = ids

    @staticmethod
    def takes(kind: str) -> bool:
        return kind in _CALLS

    async def perform(self, work: Work) -> Answer | Fault:
        """Raises StoreUnavailable."""
        call = _CALLS[work.effect.kind](**orjson.loads(work.request))
        try:
            match call:
                case StartChild():
                    return await self._start(work, call)
                case PauseChild():
                    return await self._tell(call.run_id, PauseRun(call.reason, PARENT, call.word), work)
                case ResumeChild():
                    return await self._tell(call.run_id, ResumeRun(PARENT, call.word), work)
                case CancelChild():
                    return await self._tell(call.run_id, CancelRun(call.reason), work)
                case CompensateChild():
                    return await self._tell(call.run_id, CompensateRun(call.reason, by_parent=True), work)
                case TellParent():
                    return await self._tell(call.run_id, _ended(work.run_id, call), work)
                case _:
                    assert_never(call)
        except Refusal as refusal:
            return Fault(_kind(call, refusal), refusal.reason, refusal.message)

    async def _start(self, work: Work, call: StartChild) -> ChildStarted | Fault:
        if not work.effect.repeated and not await self._wanted(work):
            return Fault(FaultKind.FAILED, "attempt_over", "the parent does not want this run any more")
        key = start_keys.by_parent(work.workspace_id, work.run_id, work.effect.id)
        try:
            plan, command = await self._prepared(work, call)
        except Refusal as refusal:
            reply = await self._advance.begun_before(key, refusal)
        else:
            reply = await self._advance.start(key, plan, _envelope(command, work))
        return ChildStarted(reply.run.id)

    async def _prepared(self, work: Work, call: StartChild) -> tuple[Plan, StartRun]:
        found = await self._catalogue.find(work.workspace_id, call.definition_id, call.name)
        if found is None:
            raise not_found("workflow", call.definition_id or call.name)
        check_enabled(found)
        plan = await self._advance.plans.to_start(found, call.version)
        child_id = self._ids.run()
        await self._trees.check(work.run_id, child_id)
        return plan, StartRun(
            run_id=child_id,
            trigger_type=TriggerType.WORKFLOW,
            input_payload=call.input_payload,
            initiator_agent_id=call.initiator_agent_id,
            initiator_user_id=call.initiator_user_id,
            parent_run_id=work.run_id,
            parent_step_id=work.effect.step_id,
            parent_attempt=work.effect.attempt,
            depth=call.depth,
            chain=tuple(call.chain),
            entity_id=call.entity_id,
            entity_type=call.entity_type,
            max_seconds=found.max_run_seconds,
        )

    async def _wanted(self, work: Work) -> bool:
        """Whether the parent still waits for it. What may have been started before is not asked: it is to be found."""
        parent = await self._advance.look(work.run_id)
        return parent is not None and wanted(parent.steps.get(work.effect.step_id), work.effect)

    async def _tell(self, run_id: str, command: ControlCommand | ChildEnded, work: Work) -> RunTold:
        await self._advance.submit(run_id, _envelope(command, work), work.workspace_id)
        return RunTold()


def _envelope(command: ControlCommand | ChildEnded | StartRun, work: Work) -> Envelope:
    """The other run goes on with the trace of the one that speaks to it."""
    return Envelope(command, OURSELVES, f"run:{work.run_id}", trace=work.trace)


def _kind(call: RunCall, refusal: Refusal) -> FaultKind:
    """A child that cannot be started now can never be: no retry makes a line of parents shorter."""
    if refusal.passing or refusal.reason in PASSING_REASONS:
        return FaultKind.TRANSPORT
    return FaultKind.REJECTED if isinstance(call, StartChild) else FaultKind.FAILED


def _ended(child_run_id: str, call: TellParent) -> ChildEnded:
    return ChildEnded(
        step_id=call.step_id,
        attempt=call.attempt,
        child_run_id=child_run_id,
        state=RunState(call.state),
        output=call.output,
        cost_usd=Decimal(call.cost_usd),
        reason=call.reason,
        message=call.message,
        undone=call.undone,
    )
