"""What operators ask about runs: calls owed, the history page by page, and every filter of a search by its index."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from service.domain.bulk import Counted, Target
from service.domain.decision import Audit, Decision, Postponed
from service.domain.definition import StepType
from service.domain.explain import Tried
from service.domain.run_search import FoundRuns, RunSearch
from service.domain.state import Run, RunState, StepRun, StepState
from service.store import queries
from service.store.outbox import ChangeOutbox
from service.store.pool import READER, Pool
from service.store.run_reads import RunReads
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW, effect, moved, owed, run, store, untold
from tests.store.test_queries import explain, many_runs, scanned, used

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


@pytest.fixture
def run_reads(reader_pool: Pool) -> RunReads:
    return RunReads(reader_pool)


# --- what is owed ----------------------------------------------------------------------------------------------------


async def test_calls_owed_come_with_their_troubles(runs: Runs, run_reads: RunReads, owner: Owner) -> None:
    begun = await store(runs, owed=[effect("a/1/first"), effect("a/1/second")])
    late = Postponed(owed("a/1/second"), 3600.0, "unavailable: nobody there")
    await runs.apply(untold(begun, postponed=(late,)), {}, LEASE)
    rows = await (await owner.execute("select due_at, lease_until from run_effects order by effect_id")).fetchall()
    (_, first_lease), (second_due, _) = rows
    assert await run_reads.owed(begun.id, "ws_1") == [
        Tried("a", "CancelObjective", 1, "unavailable: nobody there", second_due),
        Tried("a", "CancelObjective", 0, "", first_lease),
    ]
    assert await run_reads.owed(begun.id, "ws_2") == []


# --- the history -----------------------------------------------------------------------------------------------------


async def history(runs: Runs, count: int) -> Run:
    """A run with so many events."""
    found = await store(runs)
    for step_id in list(found.steps)[: count - 1]:
        decision = moved(found, step_id)
        await runs.apply(decision, {}, LEASE)
        found = replace(decision.run, version=found.version + 1)
    return found


async def test_events_come_in_pages(runs: Runs, run_reads: RunReads) -> None:
    begun = await history(runs, 4)
    pages = [await run_reads.events(begun.id, after, 2, "ws_1") for after in (0, 2, 4)]
    assert [[event.sequence for event in page.events] for page in pages if page] == [[1, 2], [3, 4], []]
    first = pages[0]
    assert first is not None
    assert [(event.aggregate, event.operation, event.step_id) for event in first.events] == [
        ("run", "started", ""),
        ("step", "completed", "a"),
    ]
    event = first.events[1]
    assert (event.actor, event.cause, event.recorded_at, event.published_at) == ("user:ann", "rpc:2", NOW, None)


async def test_an_event_says_when_the_bus_took_it(runs: Runs, run_reads: RunReads, outbox: ChangeOutbox) -> None:
    begun = await history(runs, 2)
    await outbox.mark_published([(begun.id, 1)])
    page = await run_reads.events(begun.id, 0, 9, "ws_1")
    assert page is not None
    assert [event.published_at is not None for event in page.events] == [True, False]


async def test_a_history_has_ended_when_its_run_has_and_nothing_follows(runs: Runs, run_reads: RunReads) -> None:
    going = await history(runs, 3)
    ended = await history(runs, 3)
    over = replace(ended, state=RunState.COMPLETED, completed_at=NOW, sequence=4)
    event = replace(moved(ended, "c").events[0], run=over, step=None, aggregate="run", sequence=4)
    await runs.apply(Decision(ended, over, (), (event,)), {}, LEASE)

    async def says(run_id: str, after: int, limit: int) -> bool | None:
        page = await run_reads.events(run_id, after, limit, "ws_1")
        return page.ended if page else None

    assert [await says(going.id, after, 9) for after in (0, 3, 4)] == [False] * 3
    assert [await says(ended.id, after, 2) for after in (0, 1, 2, 4, 9)] == [False, False, True, True, True]


async def test_foreign_and_unknown_runs_have_no_history(runs: Runs, run_reads: RunReads) -> None:
    begun = await store(runs)
    assert await run_reads.events(begun.id, 0, 9, "ws_2") is None
    assert await run_reads.events("wfr_none", 0, 9, None) is None
    assert await run_reads.audits(begun.id, 0, 9, "ws_2") == []


async def test_audits_come_in_pages_of_their_own(runs: Runs, run_reads: RunReads) -> None:
    begun = await store(runs)
    words = ("one", "two", "three")
    audits = tuple(Audit("a", "TransitionStep", word, "in words", "user:ann", "rpc:7") for word in words)
    await runs.apply(untold(begun, audits=audits), {}, LEASE)
    first = await run_reads.audits(begun.id, 0, 2, "ws_1")
    assert [audit.reason for audit in first] == ["one", "two"]
    assert (first[0].step_id, first[0].command, first[0].actor, first[0].cause) == (
        "a", "TransitionStep", "user:ann", "rpc:7",
    )  # fmt: skip
    rest = await run_reads.audits(begun.id, first[-1].id, 2, "ws_1")
    assert [audit.reason for audit in rest] == ["three"]


# --- searching -------------------------------------------------------------------------------------------------------


def waiting_at(step_id: str) -> dict[str, StepRun]:
    return {step_id: StepRun(step_id, "", StepType.HUMAN_TASK, StepState.WAITING)}


DAY = timedelta(days=1)
POPULATION: tuple[dict[str, Any], ...] = (
    {"steps": waiting_at("sign")},
    {"definition_id": "wf_2", "definition_version": 3, "entity_id": "lead_1", "entity_type": "LEAD"},
    {"entity_id": "lead_1", "initiator_agent_id": "sdr", "parent_run_id": "wfr_p", "started_at": NOW - DAY},
    {"state": RunState.COMPLETED, "completed_at": NOW, "initiator_user_id": "ann", "started_at": NOW - DAY},
    {"state": RunState.FAILED, "completed_at": NOW, "failure_reason": "timed_out", "failure_message": "x" * 900},
    {"workspace_id": "ws_2", "entity_id": "lead_1", "steps": waiting_at("sign")},
)
OPEN = (StepState.RUNNING, StepState.WAITING)
FILTERS: dict[str, tuple[RunSearch, list[int]]] = {
    "all": (RunSearch("ws_1"), [4, 3, 2, 1, 0]),
    "every workspace": (RunSearch(None), [5, 4, 3, 2, 1, 0]),
    "definition": (RunSearch("ws_1", definition_id="wf_2"), [1]),
    "version": (RunSearch("ws_1", definition_version=3), [1]),
    "going": (RunSearch("ws_1", states=(RunState.RUNNING, RunState.PAUSED)), [2, 1, 0]),
    "ended": (RunSearch("ws_1", states=(RunState.COMPLETED, RunState.FAILED)), [4, 3]),
    "going or failed": (RunSearch("ws_1", states=(RunState.RUNNING, RunState.FAILED)), [4, 2, 1, 0]),
    "entity": (RunSearch("ws_1", entity_id="lead_1"), [2, 1]),
    "entity type": (RunSearch("ws_1", entity_type="LEAD"), [1]),
    "agent": (RunSearch("ws_1", initiator_agent_id="sdr"), [2]),
    "person": (RunSearch("ws_1", initiator_user_id="ann"), [3]),
    "parent": (RunSearch("ws_1", parent_run_id="wfr_p"), [2]),
    "failure": (RunSearch("ws_1", failure_reason="timed_out"), [4]),
    "started from": (RunSearch("ws_1", started_from=NOW), [4, 1, 0]),
    "started before": (RunSearch("ws_1", started_before=NOW), [3, 2]),
    "started between": (RunSearch("ws_1", started_from=NOW - DAY, started_before=NOW), [3, 2]),
    "waiting at a step": (RunSearch("ws_1", step_id="sign", step_states=OPEN), [0]),
    "some step waiting": (RunSearch(None, step_states=(StepState.WAITING,)), [5, 0]),
    "not begun at a step": (RunSearch("ws_1", step_id="a", step_states=(StepState.PENDING,)), [4, 3, 2, 1]),
    "an open step of ended runs": (RunSearch("ws_1", states=(RunState.FAILED,), step_states=OPEN), []),
    "together": (RunSearch("ws_1", entity_id="lead_1", initiator_agent_id="sdr", definition_id="wf_1"), [2]),
    "nothing": (RunSearch("ws_1", entity_id="lead_9"), []),
}


async def populate(runs: Runs) -> list[Run]:
    return [await store(runs, run(**fields)) for fields in POPULATION]


def ids(found: FoundRuns) -> list[str]:
    return [each.run.id for each in found.runs]


@pytest.mark.parametrize("name", FILTERS)
async def test_runs_are_found(runs: Runs, run_reads: RunReads, name: str) -> None:
    wanted, expected = FILTERS[name]
    population = await populate(runs)
    found = await run_reads.search(wanted, 50)
    assert (ids(found), found.more) == ([population[number].id for number in expected], False)


async def test_runs_are_found_by_a_tag_of_their_definition(runs: Runs, run_reads: RunReads, owner: Owner) -> None:
    population = await populate(runs)
    await owner.execute(
        "insert into workflow_definitions (id, workspace_id, name, description, tags)"
        " values ('wf_2', 'ws_1', 'Two', '', '{sales,eu}'), ('wf_1', 'ws_1', 'One', '', '{sales}')"
    )
    assert ids(await run_reads.search(RunSearch("ws_1", tag="eu"), 50)) == [population[1].id]
    assert len(ids(await run_reads.search(RunSearch("ws_1", tag="sales"), 50))) == 5
    assert ids(await run_reads.search(RunSearch("ws_2", tag="sales"), 50)) == []


async def test_pages_follow_each_other_though_runs_are_started_meanwhile(runs: Runs, run_reads: RunReads) -> None:
    population = await populate(runs)
    first = await run_reads.search(RunSearch("ws_1"), 2)
    assert (ids(first), first.more) == ([population[4].id, population[3].id], True)
    await store(runs, run())
    second = await run_reads.search(RunSearch("ws_1", before_id=population[3].id), 3)
    assert (ids(second), second.more) == ([population[2].id, population[1].id, population[0].id], False)


async def test_targets_are_counted_and_come_oldest_first(runs: Runs, run_reads: RunReads) -> None:
    population = await populate(runs)
    wanted = FILTERS["going"][0]
    assert await run_reads.count(wanted) == Counted(3, population[2].id)
    assert await run_reads.count(FILTERS["nothing"][0]) == Counted(0, "")
    found = await run_reads.oldest(wanted, "", population[2].id, 2)
    assert found == [Target(population[number].id, RunState.RUNNING, 1) for number in (0, 1)]
    await store(runs, run())
    rest = await run_reads.oldest(wanted, population[1].id, population[2].id, 9)
    assert [each.run_id for each in rest] == [population[2].id]


async def test_a_found_run_is_without_payloads_and_says_where_it_stands(runs: Runs, run_reads: RunReads) -> None:
    population = await populate(runs)
    [found] = (await run_reads.search(FILTERS["waiting at a step"][0], 50)).runs
    assert found.open_step_ids == ("sign",)
    assert found.run == replace(population[0], steps={}, input_payload={}, version=1)
    [failed] = (await run_reads.search(FILTERS["failure"][0], 50)).runs
    assert (failed.run.failure_message, failed.open_step_ids) == ("x" * 500, ())


PLANS = {
    "of a workspace": ({1: "'ws'"}, "workflow_runs_"),
    "of a definition": ({1: "'ws'", 2: "'wf'"}, "workflow_runs_definition"),
    "unfinished": ({1: "'ws'", 5: "false"}, "workflow_runs_unfinished"),
    "of an entity": ({1: "'ws'", 6: "'lead'"}, "workflow_runs_entity"),
    "of an agent": ({1: "'ws'", 8: "'sdr'"}, "workflow_runs_initiator"),
    "of a parent": ({1: "'ws'", 10: "'wfr_1'"}, "workflow_runs_parent"),
    "of a step": ({1: "'ws'", 5: "false", 15: "'a'", 16: "'{WAITING}'"}, "step_runs_pkey"),
    "the next page": ({1: "'ws'", 17: "'wfr_7'"}, "workflow_runs_"),
    "of every workspace": ({17: "'wfr_7'"}, "workflow_runs_pkey"),
}
ANY = {1: "'*'", 3: "0", 4: "'{}'", 5: "null", 13: "null", 14: "null", 16: "'{}'", 18: "50"}


@pytest.mark.parametrize("name", PLANS)
async def test_a_search_goes_by_the_index_of_its_filter(looker: Owner, name: str) -> None:
    given, index = PLANS[name]
    params = ", ".join({**ANY, **given}.get(number, "''") for number in range(1, 19))
    await many_runs(looker)
    plan = await explain(looker, READER, "force_custom_plan", queries.joined(("runs_matching",), "runs_search"), params)
    assert any(name.startswith(index) for name in used(plan)), plan
    assert scanned(plan) == set()


@pytest.mark.parametrize(("end", "rest"), [("runs_count", []), ("runs_targets", ["'wfr_1'", "'wfr_9'", "50"])])
async def test_targets_are_found_by_the_index_of_their_filter(looker: Owner, end: str, rest: list[str]) -> None:
    given = {**ANY, **PLANS["unfinished"][0]}
    params = ", ".join([*(given.get(number, "''") for number in range(1, 17)), *rest])
    await many_runs(looker)
    plan = await explain(looker, READER, "force_custom_plan", queries.joined(("runs_matching",), end), params)
    assert "workflow_runs_unfinished" in used(plan), plan
    assert scanned(plan) == set()


@pytest.mark.parametrize(
    ("name", "params", "index"),
    [
        ("run_owed", "'r'", "run_effects_pkey"),
        ("run_events", "'r', 5, 50", "changes_pkey"),
        ("run_audits", "'r', 5, 50", "run_audit_pkey"),
    ],
)
async def test_a_run_is_looked_at_by_its_key(looker: Owner, name: str, params: str, index: str) -> None:
    plan = await explain(looker, READER, "force_generic_plan", queries.query(name), params)
    assert index in used(plan)
    assert scanned(plan) == set()
