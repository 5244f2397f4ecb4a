"""What people at the database see: every view says the right thing of a prepared run."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from service.domain.decision import Interaction
from service.domain.definition import StepType
from service.domain.state import Run, RunState, StepRun, StepState
from service.store.definitions import Definitions
from service.store.pool import READER
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW, moved, run, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]

ASKED = {"requested_by": "sdr", "risk_level": "HIGH", "requested_at": "2026-03-02T09:00:00+00:00"}
DECIDED = {"decision": "APPROVED", "decided_by": "ann", "comment": "fine", "decided_at": "2026-03-02T10:00:00+00:00"}
VIEWS = (
    "workflow_run_summary",
    "step_run_detail",
    "workflow_links",
    "run_events_iso",
    "run_context",
    "approvals",
    "run_conversation",
)


async def rows(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    return await (await owner.execute(statement.encode())).fetchall()


def gate(step_id: str, state: StepState, record: dict[str, Any], **fields: Any) -> StepRun:
    return StepRun(step_id, step_id.title(), StepType.APPROVAL_GATE, state, 1, evidence={"approval": record}, **fields)


def working() -> Run:
    """Step a has failed, b works, c waits for an approval, d was approved, e has not begun."""
    failed: dict[str, Any] = {
        "error_reason": "agent_failed",
        "error_message": "no",
        "objective_id": "obj_1",
        "agent_id": "sdr",
    }
    times: dict[str, Any] = {"started_at": NOW, "completed_at": NOW + timedelta(seconds=90)}
    steps = (
        StepRun("a", "A", StepType.AGENT_ACTION, StepState.FAILED, 2, **failed, **times, cost_usd=Decimal("0.034")),
        StepRun("b", "B", StepType.AGENT_ACTION, StepState.RUNNING, 1, output_payload={"score": 0.5, "why": ["x"]}),
        gate("c", StepState.WAITING, ASKED, approval_request_id="apr_1", deadline_at=NOW),
        gate("d", StepState.COMPLETED, ASKED | DECIDED | {"auto_approval": {"rule": 1}}, completed_at=NOW),
        StepRun("e", "E", StepType.PARALLEL),
    )
    return run(steps={step.step_id: step for step in steps}, input_payload={"lead": {"id": 7}, "deal": None})


async def test_a_run_is_summed_up(runs: Runs, definitions: Definitions, owner: Owner) -> None:
    made = (await definitions.create("ws_1", "Outbound", "", [], "user:ann", None)).value
    ended: dict[str, Any] = {
        "state": RunState.COMPLETED,
        "completed_at": NOW + timedelta(minutes=2),
        "total_cost_usd": Decimal("0.10"),
    }
    begun = await store(runs, replace(working(), definition_id=made.id, **ended))
    found = await rows(owner, "select * from workflow_run_summary")
    states = {"FAILED": 1, "RUNNING": 1, "WAITING": 1, "COMPLETED": 1, "PENDING": 1}
    about = (begun.id, "ws_1", made.id, "Outbound", 1, "COMPLETED")
    times = (NOW, NOW + timedelta(minutes=2), timedelta(minutes=2))
    assert found == [(*about, ["b", "c"], states, 1, Decimal("0.10"), *times)]


async def test_a_run_that_goes_on_lasts_until_now(runs: Runs, owner: Owner) -> None:
    await store(runs)
    summary = "select definition_name, current_steps, duration = now() - started_at from workflow_run_summary"
    assert await rows(owner, summary) == [(None, [], True)]


async def test_a_step_is_told_with_its_run(runs: Runs, owner: Owner) -> None:
    begun = await store(runs, working())
    found = await rows(owner, "select * from step_run_detail where step_id = 'a'")
    of_run = (begun.id, "a", "ws_1", "wf_1", 1, "RUNNING")
    of_step = (0, "A", "AGENT_ACTION", "FAILED", 2, 0, "sdr", "obj_1", "agent_failed", "no", Decimal("0.034"))
    assert found == [(*of_run, *of_step, NOW, NOW + timedelta(seconds=90), timedelta(seconds=90))]
    assert await rows(owner, "select duration from step_run_detail where step_id = 'e'") == [(None,)]


async def test_a_run_is_linked_with_its_parent_and_children(runs: Runs, definitions: Definitions, owner: Owner) -> None:
    made = (await definitions.create("ws_1", "Child", "", [], "user:ann", None)).value
    parent = await store(runs)
    of_parent: dict[str, Any] = {"parent_run_id": parent.id, "parent_step_id": "each[3]", "depth": 2}
    child = await store(runs, run(definition_id=made.id, definition_version=4, **of_parent))
    found = await rows(owner, "select * from workflow_links order by depth")
    assert found == [
        ("ws_1", "wf_1", None, 1, parent.id, "RUNNING", 1, None, None, None, None, 1),
        ("ws_1", made.id, "Child", 4, child.id, "RUNNING", 2, parent.id, "wf_1", 1, "each[3]", 0),
    ]


async def test_events_have_times_as_text(runs: Runs, owner: Owner) -> None:
    await runs.apply(moved(await store(runs)), {}, LEASE)
    await owner.execute("update changes set published_at = '2026-03-02T10:00:00.5+01:00' where sequence = 1")
    await owner.execute("set timezone = 'Asia/Tokyo'")
    found = await rows(owner, "select sequence, operation, recorded_at, published_at from run_events_iso order by 1")
    recorded = "2026-03-02T09:00:00.123456Z"
    assert found == [(1, "started", recorded, "2026-03-02T09:00:00.500000Z"), (2, "completed", recorded, None)]


async def test_the_context_has_a_row_per_key(runs: Runs, owner: Owner) -> None:
    begun = await store(runs, working())
    found = await rows(owner, "select run_id, key, value from run_context order by key")
    context = [("input.deal", None), ("input.lead", {"id": 7}), ("output.b.score", 0.5), ("output.b.why", ["x"])]
    assert found == [(begun.id, key, value) for key, value in context]


async def test_approvals_are_told_from_our_own_record(runs: Runs, owner: Owner) -> None:
    begun = await store(runs, working())
    found = await rows(owner, "select * from approvals order by step_id")
    hour = NOW.replace(microsecond=0)
    asked = ("HIGH", "sdr", hour)
    assert found == [
        (begun.id, "c", "ws_1", "WAITING", "apr_1", *asked, None, None, None, None, NOW, None),
        (
            *(begun.id, "d", "ws_1", "COMPLETED", "", *asked),
            *("APPROVED", "fine", "ann", hour + timedelta(hours=1), None, {"rule": 1}),
        ),
    ]


async def test_the_conversation_names_steps_and_items(runs: Runs, owner: Owner) -> None:
    item = StepRun("b[0]", "B of one", StepType.AGENT_ACTION)
    begun = await store(runs, replace(working(), items={"b[0]": item}))
    asked = Interaction("b[0]", "choice", "agent:sdr", "Which?", {"choices": ["x"]})
    await runs.apply(untold(begun, interactions=(asked, Interaction("a", "answer", "user:ann", "x", {}))), {}, LEASE)
    found = await rows(
        owner, "select run_id, step_id, step_name, kind, author, text, body from run_conversation order by id"
    )
    assert found == [
        (begun.id, "b[0]", "B of one", "choice", "agent:sdr", "Which?", {"choices": ["x"]}),
        (begun.id, "a", "A", "answer", "user:ann", "x", {}),
    ]


@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_shows_its_reader_one_workspace(runs: Runs, owner: Owner, view: str) -> None:
    for tenant in ("ws_1", "ws_2"):
        said = Interaction("a", "notice", "agent:sdr", "hello", {})
        await store(runs, replace(working(), workspace_id=tenant), interactions=(said,))
    await owner.execute(f"set role {READER}; set workflows.workspace = 'ws_1'".encode())
    assert await rows(owner, f"select distinct workspace_id from {view}") == [("ws_1",)]
