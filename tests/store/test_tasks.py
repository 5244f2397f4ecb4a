"""People's tasks: every filter, alone and together, with the right total, and what was said about them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from service.domain.decision import Decision, Interaction
from service.domain.state import Run, Task, TaskStatus
from service.domain.task_list import TaskFilter
from service.store.pool import Pool
from service.store.runs import Runs
from service.store.tasks import TaskReads
from tests.store.decisions import LEASE, NOW, run, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


@pytest.fixture
def tasks(reader_pool: Pool) -> TaskReads:
    return TaskReads(reader_pool)


def task(**fields: Any) -> Task:
    plain: dict[str, Any] = {
        "step_id": "a",
        "attempt": 1,
        "status": TaskStatus.OPEN,
        "title": "Look at the lead",
        "instructions": "Ünï",
        "form_schema": {"type": "object", "required": ["score"]},
        "opened_at": NOW,
    }
    return Task(**(plain | fields))


CLAIMED = {"status": TaskStatus.CLAIMED, "claimed_by": "bob"}
ENDED = {"status": TaskStatus.COMPLETED, "claimed_by": "bob", "completed_by": "bob", "closed_at": NOW}
POPULATION: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ws_1", {}),
    ("ws_1", {"assignee": "ann", "due_at": NOW}),
    ("ws_1", {"group": "sales", **CLAIMED}),
    ("ws_1", {"group": "sales", **ENDED, "due_at": NOW + timedelta(hours=1)}),
    ("ws_2", {"assignee": "ann"}),
)
FILTERS: dict[str, tuple[TaskFilter, list[int]]] = {
    "all": (TaskFilter("ws_1"), [3, 2, 1, 0]),
    "assignee": (TaskFilter("ws_1", assignee="ann"), [1]),
    "group": (TaskFilter("ws_1", group="sales"), [3, 2]),
    "claimed by": (TaskFilter("ws_1", claimed_by="bob"), [3, 2]),
    "open": (TaskFilter("ws_1", status=TaskStatus.OPEN), [1, 0]),
    "completed": (TaskFilter("ws_1", status=TaskStatus.COMPLETED), [3]),
    "rejected": (TaskFilter("ws_1", status=TaskStatus.REJECTED), []),
    "due": (TaskFilter("ws_1", due_before=NOW + timedelta(hours=1)), [1]),
    "together": (TaskFilter("ws_1", group="sales", claimed_by="bob", status=TaskStatus.CLAIMED), [2]),
    "foreign": (TaskFilter("ws_2"), [4]),
    "every workspace": (TaskFilter(None), [4, 3, 2, 1, 0]),
}


async def populate(runs: Runs) -> list[Run]:
    begun = [run(workspace_id=workspace, tasks={"a": task(**fields)}) for workspace, fields in POPULATION]
    return [await store(runs, one) for one in begun]


def comment(text: str, **fields: Any) -> Interaction:
    plain: dict[str, Any] = {"step_id": "a", "kind": "comment", "author": "user:bob", "text": text, "body": {}}
    return Interaction(**(plain | fields))


def told(before: Run, *said: Interaction) -> Decision:
    return untold(before, interactions=said)


@pytest.mark.parametrize("name", FILTERS)
async def test_tasks_are_filtered(runs: Runs, tasks: TaskReads, name: str) -> None:
    wanted, expected = FILTERS[name]
    population = await populate(runs)
    page = await tasks.tasks(wanted, 50, 0)
    assert [found.run_id for found in page.rows] == [population[number].id for number in expected]
    assert page.total == len(expected)


async def test_pages_of_tasks_have_the_total(runs: Runs, tasks: TaskReads) -> None:
    population = await populate(runs)
    page = await tasks.tasks(TaskFilter("ws_1"), 2, 1)
    assert ([found.run_id for found in page.rows], page.total) == ([population[2].id, population[1].id], 4)
    beyond = await tasks.tasks(TaskFilter("ws_1"), 2, 10)
    assert (beyond.rows, beyond.total) == ([], 4)


async def test_a_task_is_read_with_its_comments_in_order(runs: Runs, tasks: TaskReads) -> None:
    begun = await store(runs, run(tasks={"a": task(**CLAIMED, due_at=NOW)}))
    other = (comment("elsewhere", step_id="b"), comment("a question", kind="question"))
    await runs.apply(told(begun, comment("first"), *other, comment("second")), {}, LEASE)
    found = await tasks.task(begun.id, "a", "ws_1")
    assert found is not None
    assert (found.run_id, found.workspace_id, found.definition_id) == (begun.id, "ws_1", "wf_1")
    assert found.task == begun.tasks["a"]
    assert [(said.author, said.text) for said in found.comments] == [("user:bob", "first"), ("user:bob", "second")]
    assert (await tasks.tasks(TaskFilter("ws_1"), 50, 0)).rows == [found]


async def test_a_foreign_task_does_not_exist(runs: Runs, tasks: TaskReads) -> None:
    begun = await store(runs, run(tasks={"a": task()}))
    assert await tasks.task(begun.id, "a", "ws_2") is None
    assert await tasks.task(begun.id, "b", "ws_1") is None
    assert await tasks.task(begun.id, "a", None) is not None


async def test_a_changed_task_replaces_its_row(runs: Runs, tasks: TaskReads, owner: Owner) -> None:
    begun = await store(runs, run(tasks={"a": task()}))
    claimed = replace(begun.tasks["a"], status=TaskStatus.CLAIMED, claimed_by="bob", version=2)
    await runs.apply(replace(untold(begun), run=replace(begun, tasks={"a": claimed})), {}, LEASE)
    found = await tasks.task(begun.id, "a", "ws_1")
    assert found is not None
    assert found.task == claimed
    cursor = await owner.execute("select updated_at > created_at from human_tasks")
    assert await cursor.fetchall() == [(True,)]


async def test_an_ended_task_has_its_end(runs: Runs) -> None:
    """The database holds the rules to it."""
    with pytest.raises(psycopg.errors.CheckViolation, match="human_tasks_closed"):
        await store(runs, run(tasks={"a": task(status=TaskStatus.REJECTED)}))
