"""Lists of runs: every filter, alone and together, with the right total."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.run_search import RunFilter
from service.domain.state import Run, RunState
from service.store.reads import Reads
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW, moved, run, store


def chosen(workspace_id: str | None = "ws_1", **fields: Any) -> RunFilter:
    plain: dict[str, Any] = {"definition_id": "", "state": None, "entity_id": "", "initiator_agent_id": ""}
    return RunFilter(workspace_id=workspace_id, **(plain | fields))


ENDED = {"state": RunState.COMPLETED, "completed_at": NOW}
POPULATION: tuple[dict[str, Any], ...] = (
    {},
    {"definition_id": "wf_2", "entity_id": "lead_1"},
    {"entity_id": "lead_1", "initiator_agent_id": "sdr"},
    {**ENDED, "initiator_agent_id": "sdr"},
    {**ENDED, "entity_id": "lead_1", "definition_id": "wf_2"},
    {"workspace_id": "ws_2", "entity_id": "lead_1"},
)
FILTERS: dict[str, tuple[RunFilter, list[int]]] = {
    "all": (chosen(), [4, 3, 2, 1, 0]),
    "definition": (chosen(definition_id="wf_2"), [4, 1]),
    "running": (chosen(state=RunState.RUNNING), [2, 1, 0]),
    "completed": (chosen(state=RunState.COMPLETED), [4, 3]),
    "failed": (chosen(state=RunState.FAILED), []),
    "entity": (chosen(entity_id="lead_1"), [4, 2, 1]),
    "initiator": (chosen(initiator_agent_id="sdr"), [3, 2]),
    "together": (chosen(entity_id="lead_1", state=RunState.COMPLETED, definition_id="wf_2"), [4]),
    "foreign": (chosen(workspace_id="ws_2"), [5]),
    "every workspace": (chosen(workspace_id=None), [5, 4, 3, 2, 1, 0]),
}


async def populate(runs: Runs) -> list[Run]:
    return [await store(runs, run(**fields)) for fields in POPULATION]


@pytest.mark.parametrize("name", FILTERS)
async def test_runs_are_filtered(runs: Runs, reads: Reads, name: str) -> None:
    wanted, expected = FILTERS[name]
    population = await populate(runs)
    page = await reads.runs(wanted, 50, 0)
    assert [found.id for found in page.rows] == [population[number].id for number in expected]
    assert page.total == len(expected)


async def test_pages_have_the_total(runs: Runs, reads: Reads) -> None:
    population = await populate(runs)
    page = await reads.runs(chosen(), 2, 1)
    assert ([found.id for found in page.rows], page.total) == ([population[3].id, population[2].id], 5)
    beyond = await reads.runs(chosen(), 2, 10)
    assert (beyond.rows, beyond.total) == ([], 5)


async def test_lists_leave_payloads_of_steps_out(runs: Runs, reads: Reads) -> None:
    begun = await store(runs)
    decision = moved(begun)
    await runs.apply(decision, {}, LEASE)
    [found] = (await reads.runs(chosen(), 50, 0)).rows
    bare = {key: replace(step, output_payload={}) for key, step in decision.run.steps.items()}
    assert found == replace(decision.run, version=2, steps=bare)


async def test_a_run_is_read_whole(runs: Runs, reads: Reads) -> None:
    decision = moved(await store(runs))
    await runs.apply(decision, {}, LEASE)
    assert await reads.run(decision.run.id, "ws_1") == replace(decision.run, version=2)


async def test_a_run_that_is_remembered_is_given_back_while_it_holds(runs: Runs, reads: Reads) -> None:
    begun = await store(runs)
    assert await reads.run(begun.id, "ws_1", begun) is begun
    decision = moved(begun)
    await runs.apply(decision, {}, LEASE)
    assert await reads.run(begun.id, "ws_1", begun) == replace(decision.run, version=2)


async def test_a_foreign_run_is_not_there_for_having_been_remembered(runs: Runs, reads: Reads) -> None:
    begun = await store(runs)
    assert await reads.run(begun.id, "ws_2", begun) is None
