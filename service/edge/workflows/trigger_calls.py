"""What HandleTrigger means to the engine.

The engine takes the event or the tick in, once. A caller's key is claimed before and what was answered is kept under it
afterwards, so that a repetition is answered alike; one whose first answer was lost half-way is taken in again.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from service.domain.definition import TriggerType
from service.domain.idempotency import Idem, Replayable
from service.domain.start_requests import Triggered, TriggerRequest
from service.domain.state import Run
from service.engine.intake import Intake

Moments: TypeAlias = Sequence[tuple[str, int]]
"""Runs, each at one of its changes."""


class Triggers(Protocol):
    async def handle(self, request: TriggerRequest, idem: Idem | None) -> Replayable[Triggered]:
        """Takes an event or a tick in; gives what it brought about, also when it was taken in before."""
        ...


class Answers(Protocol):
    """Answers that are repeated under the caller's key."""

    async def answered(self, workspace_id: str, idem: Idem) -> Mapping[str, Moments] | None: ...

    async def answer(self, workspace_id: str, idem: Idem, runs: Mapping[str, Moments]) -> None: ...


class EngineTriggers:
    def __init__(self, intake: Intake, answers: Answers) -> None:
        self._intake = intake
        self._answers = answers

    async def handle(self, request: TriggerRequest, idem: Idem | None) -> Replayable[Triggered]:
        """Raises Refusal."""
        if idem is None:
            return Replayable(await self._take(request))
        workspace_id = request.event.tenant
        known = await self._answers.answered(workspace_id, idem)
        if known is not None:
            return Replayable(await self._intake.again(known["started"], known["updated"]), replay=True)
        found = await self._take(request)
        told = {"started": _moments(found.started), "updated": _moments(found.updated)}
        await self._answers.answer(workspace_id, idem, told)
        return Replayable(found)

    async def _take(self, request: TriggerRequest) -> Triggered:
        said = request.event.handed_in
        if said and said.trigger_type is TriggerType.SCHEDULE:
            return await self._intake.tick(request.event, request.cron_expr)
        return await self._intake.take(request.event)


def _moments(runs: Sequence[Run]) -> Moments:
    return [(run.id, run.sequence) for run in runs]
