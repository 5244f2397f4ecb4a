"""Commands to tasks on their way into the engine, and where the task in the answer comes from."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.commands import ClaimTask, Envelope
from service.domain.decision import Accepted, Repeated, Verdict
from service.domain.errors import Kind, Refusal
from service.domain.idempotency import Replayable
from service.domain.paging import Page
from service.domain.task_list import TaskFilter, TaskRow
from service.edge.tasks.calls import EngineTasks
from service.engine.mailbox import Reply
from tests.edge import fakes

CLAIM = Envelope(ClaimTask("check", 0, "ann"), "user:ann", "rpc:1")
NOW = fakes.task_row(version=9)


class FakeReads:
    def __init__(self, found: TaskRow | None = NOW) -> None:
        self._found = found

    async def task(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None:
        assert (run_id, step_id, visible) == ("wfr_1", "check", "acme")
        return self._found

    async def tasks(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]:
        return Page([NOW], limit + offset)


class FakeAdvance:
    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    async def submit(self, run_id: str, envelope: Envelope, visible: str | None) -> Reply:
        assert (run_id, envelope, visible) == ("wfr_1", CLAIM, "acme")
        tasks = {} if isinstance(self._verdict, Repeated) else {"check": fakes.task_row(version=4).task}
        return Reply(fakes.run(tasks=tasks), self._verdict)


async def change(verdict: Verdict, reads: FakeReads) -> Replayable[TaskRow]:
    advance: Any = FakeAdvance(verdict)
    return await EngineTasks(advance, reads).change("wfr_1", "check", CLAIM, "acme")


async def test_the_answer_holds_what_the_command_left() -> None:
    assert await change(Accepted(5), FakeReads()) == Replayable(replace(fakes.task_row(version=4), comments=()))


async def test_a_repetition_holds_the_task_as_it_is_now() -> None:
    assert await change(Repeated(5), FakeReads()) == Replayable(replace(NOW, comments=()), replay=True)


async def test_a_repetition_whose_task_is_gone() -> None:
    with pytest.raises(Refusal) as caught:
        await change(Repeated(5), FakeReads(None))
    assert (caught.value.kind, caught.value.reason) == (Kind.NOT_FOUND, "task_not_found")


async def test_reading_asks_the_store() -> None:
    advance: Any = None
    tasks = EngineTasks(advance, FakeReads())
    assert await tasks.get("wfr_1", "check", "acme") is NOW
    assert await tasks.list(TaskFilter(None), 4, 3) == Page([NOW], 7)
