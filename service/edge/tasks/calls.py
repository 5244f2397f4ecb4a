"""What the RPCs on people's tasks mean to the engine.

A change is a command to the task's run, and the task as the change left it is in the run that the engine answers with.
A task's past is not kept: a repeated command is answered with the task as it is now. Reading asks the store.
"""

from dataclasses import replace
from typing import Protocol

from service.domain.commands import Envelope
from service.domain.decision import Repeated
from service.domain.errors import not_found
from service.domain.idempotency import Replayable
from service.domain.ids import task_id
from service.domain.paging import Page
from service.domain.task_list import TaskFilter, TaskRow
from service.engine.advance import Advance


class Tasks(Protocol):
    async def change(self, run_id: str, step_id: str, envelope: Envelope, visible: str | None) -> Replayable[TaskRow]:
        """Brings a command to the task's run; gives the task as the command left it, without its comments."""
        ...

    async def get(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None: ...

    async def list(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]: ...


class Reads(Protocol):
    """Reading tasks, seeing only what the workspace may see."""

    async def task(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None: ...

    async def tasks(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]: ...


class EngineTasks:
    def __init__(self, advance: Advance, reads: Reads) -> None:
        self._advance = advance
        self._reads = reads

    async def change(self, run_id: str, step_id: str, envelope: Envelope, visible: str | None) -> Replayable[TaskRow]:
        """Raises Refusal."""
        reply = await self._advance.submit(run_id, envelope, visible)
        if isinstance(reply.verdict, Repeated):
            return Replayable(await self._now(run_id, step_id, visible), replay=True)
        run = reply.run
        return Replayable(TaskRow(run.id, run.workspace_id, run.definition_id, run.tasks[step_id]))

    async def get(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None:
        return await self._reads.task(run_id, step_id, visible)

    async def list(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]:
        return await self._reads.tasks(chosen, limit, offset)

    async def _now(self, run_id: str, step_id: str, visible: str | None) -> TaskRow:
        found = await self._reads.task(run_id, step_id, visible)
        if found is None:
            raise not_found("task", task_id(run_id, step_id))
        return replace(found, comments=())
