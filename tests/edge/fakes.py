"""A stand-in for the application behind the edge: answers from values a test sets, and notes what it was asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from service.domain.commands import Envelope
from service.domain.definition import Definition, Describing, Published, StepType, TriggerType, Version
from service.domain.difference import OpenRuns
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.run_search import RunFilter
from service.domain.start_requests import ForkRequest, StartRequest, Triggered, TriggerRequest
from service.domain.state import Run, RunState, StepRun, StepState, Task, TaskStatus
from service.domain.task_list import TaskComment, TaskFilter, TaskRow
from service.domain.undo_preview import ToUndo

NOW = datetime(2026, 11, 21, 2, 30, 0, 123456, tzinfo=UTC)


def definition(**changes: Any) -> Definition:
    return replace(Definition("wf_1", "acme", "Outbound", "", 1, ("sales",), NOW, NOW), **changes)


def run(*steps: StepRun, **changes: Any) -> Run:
    steps = steps or (StepRun("one", "One", StepType.HUMAN_TASK, StepState.WAITING),)
    made = Run(
        id="wfr_1",
        workspace_id="acme",
        definition_id="wf_1",
        definition_version=1,
        state=RunState.RUNNING,
        trigger_type=TriggerType.MANUAL,
        steps={step.step_id: step for step in steps},
        started_at=NOW,
    )
    return replace(made, **changes)


def task_row(**changes: Any) -> TaskRow:
    task = Task(
        step_id="check",
        attempt=1,
        status=TaskStatus.CLAIMED,
        title="Check the address",
        instructions="Call them.",
        form_schema={"type": "object", "required": ["ok"]},
        assignee="ann",
        group="sales",
        due_at=NOW,
        remind_at=NOW,
        claimed_by="ann",
        version=3,
        opened_at=NOW,
    )
    return TaskRow("wfr_1", "acme", "wf_1", replace(task, **changes), (TaskComment("bob", "No answer.", NOW),))


@dataclass
class Fake:
    """What both ports share: the next error, a gate that a write waits at, and the record of writes."""

    error: Exception | None = None
    replay: bool = False
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    committed: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    async def _write(self, what: Any) -> None:
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        self._read(what)
        self.committed.append(what)

    def _read(self, what: Any) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error


@dataclass
class FakeDefinitions(Fake):
    found: Definition | None = field(default_factory=definition)
    kept: Sequence[Version] | None = None
    going: Sequence[OpenRuns] = ()

    async def create(
        self,
        workspace_id: str,
        name: str,
        description: str,
        tags: Sequence[str],
        actor: str,
        idem: Idem | None,
        trace: str,
    ) -> Replayable[Definition]:
        await self._write(idem)
        made = definition(workspace_id=workspace_id, name=name, description=description, tags=tuple(tags))
        return Replayable(made, self.replay)

    async def get(self, definition_id: str, visible: str | None) -> Definition | None:
        self._read(definition_id)
        return self.found

    async def list(self, workspace_id: str | None, tag: str, limit: int, offset: int) -> Page[Definition]:
        self._read((workspace_id, tag, limit, offset))
        return Page([self.found] if self.found else [], 7)

    async def publish(
        self, draft: Version, visible: str | None, actor: str, idem: Idem | None, trace: str
    ) -> Replayable[Published]:
        await self._write(draft)
        version = replace(draft, id="wfv_1", version=1, workspace_id="acme", created_at=NOW)
        return Replayable(Published(version, definition()), self.replay)

    async def versions(self, definition_id: str, visible: str | None) -> Sequence[Version] | None:
        self._read(definition_id)
        return self.kept

    async def version(self, definition_id: str, number: int, visible: str | None) -> Version | None:
        self._read((definition_id, number))
        return next((version for version in self.kept or () if version.version == number), None)

    async def open_runs(self, definition_id: str, visible: str | None) -> Sequence[OpenRuns]:
        self._read(definition_id)
        return self.going

    async def describe(
        self, wanted: Describing, visible: str | None, actor: str, idem: Idem | None, trace: str
    ) -> Replayable[Definition]:
        await self._write((wanted, visible, actor, idem))
        return Replayable(definition(), self.replay)

    async def bound(
        self, definition_id: str, max_run_seconds: int, visible: str | None, idem: Idem | None
    ) -> Replayable[int]:
        await self._write((definition_id, max_run_seconds, visible, idem))
        return Replayable(max_run_seconds, self.replay)

    async def enable(
        self, definition_id: str, enabled: bool, visible: str | None, idem: Idem | None
    ) -> Replayable[bool]:
        await self._write((definition_id, enabled, visible, idem))
        return Replayable(enabled, self.replay)


@dataclass
class FakeRuns(Fake):
    found: Run | None = field(default_factory=run)
    levels: Sequence[Sequence[ToUndo]] | None = ()

    async def start(self, request: StartRequest, visible: str | None, actor: str, idem: Idem | None) -> Replayable[Run]:
        await self._write((request, idem))
        return Replayable(run(input_payload=request.input_payload), self.replay)

    async def change(self, run_id: str, envelope: Envelope, visible: str | None) -> Replayable[Run]:
        await self._write(envelope)
        assert self.found is not None
        return Replayable(replace(self.found, id=run_id), self.replay)

    async def fork(self, request: ForkRequest, visible: str | None, actor: str, idem: Idem | None) -> Replayable[Run]:
        await self._write((request, visible, actor, idem))
        return Replayable(run(id="wfr_2"), self.replay)

    async def to_undo(self, run_id: str, visible: str | None) -> Sequence[Sequence[ToUndo]] | None:
        self._read((run_id, visible))
        return self.levels

    async def get(self, run_id: str, visible: str | None) -> Run | None:
        self._read(run_id)
        return self.found

    async def list(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]:
        self._read((chosen, limit, offset))
        return Page([self.found] if self.found else [], 9)


@dataclass
class FakeTasks(Fake):
    found: TaskRow | None = field(default_factory=task_row)

    async def change(self, run_id: str, step_id: str, envelope: Envelope, visible: str | None) -> Replayable[TaskRow]:
        await self._write((run_id, step_id, envelope, visible))
        return Replayable(task_row(), self.replay)

    async def get(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None:
        self._read((run_id, step_id, visible))
        return self.found

    async def list(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]:
        self._read((chosen, limit, offset))
        return Page([self.found] if self.found else [], 11)


@dataclass
class FakeTriggers(Fake):
    found: Triggered = field(default_factory=lambda: Triggered([run()], [run(id="wfr_2")]))

    async def handle(self, request: TriggerRequest, idem: Idem | None) -> Replayable[Triggered]:
        await self._write((request, idem))
        return Replayable(self.found, self.replay)
