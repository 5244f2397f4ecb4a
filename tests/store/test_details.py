"""What a run has beside its steps: items, tasks, alarms, a conversation, calls that are due later, a parent."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from service.domain.decision import Decision, Interaction
from service.domain.definition import StepType
from service.domain.state import Run, StepRun, StepState, Task, TaskStatus
from service.engine.ports.failures import StaleRun
from service.engine.ports.work import Work
from service.store.pool import ENGINE
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.work import WorkQueue
from tests.counting import CountingPool
from tests.store.decisions import LEASE, NOW, STEP_TRACE, effect, moved, owed, run, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


def items(count: int, step_id: str = "a") -> dict[str, StepRun]:
    keys = [f"{step_id}[{number}]" for number in range(count)]
    return {
        key: StepRun(key, "A", StepType.AGENT_ACTION, evidence={"batch": number // 5}, input_payload={"n": number})
        for number, key in enumerate(keys)
    }


def detailed() -> Run:
    steps = {key: replace(step, alarms={"heartbeat": NOW + timedelta(minutes=5)}) for key, step in run().steps.items()}
    task = Task("b", 1, TaskStatus.OPEN, "Look", form_schema={"type": "object"}, due_at=NOW, opened_at=NOW)
    parent = {"parent_run_id": "wfr_p", "parent_step_id": "each[3]", "parent_attempt": 2}
    return run(steps=steps, items=items(12), tasks={"b": task}, depth=3, chain=("wf_9", "wf_8"), **parent)


def with_items(before: Run, changed: dict[str, StepRun]) -> Decision:
    return replace(untold(before), run=replace(before, items={**before.items, **changed}))


@pytest.fixture
async def counting(database: str) -> AsyncIterator[CountingPool]:
    pool = CountingPool(database, ENGINE, 2)
    await pool.open()
    yield pool
    await pool.close()


async def rows(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    return await (await owner.execute(statement.encode())).fetchall()


async def test_a_run_loads_with_all_its_details(runs: Runs, reads: Reads) -> None:
    begun = await store(runs, detailed())
    snapshot = await runs.load(begun.id)
    assert snapshot is not None
    assert snapshot.run == begun == await reads.run(begun.id, "ws_1")
    assert list(snapshot.run.items) == list(begun.items)


async def test_details_that_come_later_are_written_with_the_step(runs: Runs) -> None:
    before, details = await store(runs), detailed()
    decision = moved(before)
    after = replace(decision.run, items=details.items, tasks=details.tasks)
    await runs.apply(replace(decision, run=after), {}, LEASE)
    snapshot = await runs.load(before.id)
    assert snapshot is not None
    assert snapshot.run == replace(after, version=2)


async def test_a_changed_item_replaces_its_row_and_no_other(runs: Runs, owner: Owner) -> None:
    before = await store(runs, run(items=items(3)))
    written = await rows(owner, "select step_id, xmin::text from step_items order by item_index")
    done: dict[str, Any] = {
        "state": StepState.COMPLETED,
        "attempt": 2,
        "retry_count": 1,
        "completed_at": NOW,
        "objective_id": "obj_1",
    }
    changed = replace(before.items["a[1]"], **done, output_payload={"x": 1.5}, alarms={"grace": NOW})
    await runs.apply(with_items(before, {"a[1]": changed}), {}, LEASE)
    snapshot = await runs.load(before.id)
    assert snapshot is not None
    assert snapshot.run.items == {**before.items, "a[1]": changed}
    again = await rows(owner, "select step_id, xmin::text from step_items order by item_index")
    assert [one == other for one, other in zip(written, again, strict=True)] == [True, False, True]


async def test_an_item_is_found_by_its_place(runs: Runs, owner: Owner) -> None:
    await store(runs, run(items=items(12)))
    found = await rows(owner, "select parent_step, item_index, batch from step_items order by item_index")
    assert found == [("a", number, number // 5) for number in range(12)]


async def test_alarms_move_without_an_event(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    rung = replace(before.steps["a"], alarms={"check": NOW + timedelta(minutes=1)})
    await runs.apply(replace(untold(before), run=replace(before, steps={**before.steps, "a": rung})), {}, LEASE)
    snapshot = await runs.load(before.id)
    assert snapshot is not None
    assert snapshot.run.steps["a"] == rung
    assert await rows(owner, "select wake_at from workflow_runs") == [(NOW + timedelta(minutes=1),)]
    told = await runs.run_at(before.id, before.sequence)
    assert told == replace(before, version=0)


async def test_the_history_has_the_parents_and_neither_items_nor_tasks(runs: Runs) -> None:
    begun = await store(runs, detailed())
    assert await runs.run_at(begun.id, 1) == replace(begun, version=0, items={}, tasks={})


async def test_a_conversation_is_kept_in_order(runs: Runs, owner: Owner) -> None:
    asked = Interaction("a", "choice", "agent:sdr", "Which?", {"choices": ["x", "y"]})
    before = await store(runs, interactions=(asked,))
    answered = Interaction("a", "answer", "user:ann", "x", {})
    await runs.apply(untold(before, interactions=(answered, replace(answered, text="y"))), {}, LEASE)
    found = await rows(owner, "select step_id, kind, author, text, body, workspace_id from interactions order by id")
    assert found == [
        ("a", "choice", "agent:sdr", "Which?", {"choices": ["x", "y"]}, "ws_1"),
        ("a", "answer", "user:ann", "x", {}, "ws_1"),
        ("a", "answer", "user:ann", "y", {}, "ws_1"),
    ]


async def test_a_delayed_effect_is_nobodys_until_it_is_due(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    later = replace(effect("a/1/check"), delay_seconds=3600.0)
    begun = await store(runs, owed=(effect(), later))
    found = await rows(
        owner,
        "select effect_id, lease_token, lease_until is null, tries, due_at > now() + interval '3590 s'"
        "  from run_effects order by 1",
    )
    assert found == [("a/1/cancel", 1, False, 0, False), ("a/1/check", 0, True, 0, True)]
    assert await work.claim_effects(10, LEASE) == []
    await owner.execute("update run_effects set due_at = now() where lease_until is null")
    [claimed] = await work.claim_effects(10, LEASE)
    assert claimed == Work(begun.id, "ws_1", owed("a/1/check", token=1), b"bytes", STEP_TRACE)
    assert not claimed.effect.repeated


async def test_a_thousand_items_are_one_statement(counting: CountingPool, owner: Owner) -> None:
    runs = Runs(counting)
    before = await store(runs)
    counting.count()
    await runs.apply(with_items(before, items(1000)), {}, LEASE)
    assert counting.count() == (1, 1)
    assert await rows(owner, "select count(*), max(item_index) from step_items") == [(1000, 999)]


async def test_a_stale_version_writes_no_details(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    await runs.apply(moved(before), {}, LEASE)
    said = (Interaction("a", "notice", "agent:sdr", "y", {}),)
    late = replace(untold(before, interactions=said), run=replace(detailed(), id=before.id))
    with pytest.raises(StaleRun):
        await runs.apply(late, {}, LEASE)
    for table in ("step_items", "human_tasks", "interactions"):
        assert await rows(owner, f"select count(*) from {table}") == [(0,)]
