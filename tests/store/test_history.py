"""The history is complete: folding it gives the row, and gives every earlier state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from service.domain.answers import Fault, FaultKind, ObjectiveCreated, ObjectivePrepared
from service.domain.decision import Decision
from service.domain.definition import RetryPolicy, StepType
from service.domain.start_keys import StartKey
from service.domain.state import Run, StepState
from service.store.runs import Runs
from tests.builders import Story, agent, chain, edges, step, version
from tests.store.decisions import LEASE


class Told(Story):
    """A story that remembers every decision."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.decisions: list[Decision] = []
        super().__init__(*args, **fields)

    def _take(self, decision: Decision) -> None:
        self.decisions.append(decision)
        super()._take(decision)


def completed() -> Told:
    story = Told(chain(3), {"lead": "x"})
    for name in ("s0", "s1", "s2"):
        story.complete(name, found=name)
    return story


def failed() -> Told:
    story = Told(version([step("a"), step("b")], timeout_seconds=600))
    story.report("a", StepState.FAILED, error_message="no")
    return story


def retried() -> Told:
    story = Told(version([agent("a")], retry=RetryPolicy(2, 30, 2.0)))
    story.answer(next(iter(story.owed)), ObjectiveCreated("obj_1", "agent_1"))
    story.objective("a", "FAILED", "0.034")
    story.wait(60)
    return story


def branched() -> Told:
    choice = step("choose", StepType.BRANCH)
    story = Told(version([choice, step("l"), step("r")], edges("choose>l if input.x > 1", "choose>r")), {"x": 2})
    story.complete("l")
    return story


def timed_out() -> Told:
    story = Told(version([step("a", timeout_seconds=5)]))
    story.wait(6)
    return story


def routed() -> Told:
    story = Told(version([agent("a", agent_id="", required_capability="sales")]))
    story.answer(next(iter(story.owed)), ObjectivePrepared("agent_7"))
    story.fault(next(iter(story.owed)), Fault(FaultKind.TRANSPORT, "unavailable", "down"))
    return story


STORIES = {story.__name__: story for story in (completed, failed, retried, branched, timed_out, routed)}


async def persist(runs: Runs, decisions: list[Decision]) -> dict[int, Run]:
    """Stores a story decision by decision; gives the run as it was after each sequence."""
    begun, *later = decisions
    await runs.start(StartKey("ws_1", "rpc:a", "k", b""), begun, _requests(begun), LEASE)
    states, stored = {begun.run.sequence: begun.run}, 1
    for decision in later:
        if not decision.empty and decision.before is not None:
            fenced = replace(decision, before=replace(decision.before, version=stored), settled=(), postponed=())
            stored = (await runs.apply(fenced, _requests(decision), LEASE)).version
            states[decision.run.sequence] = decision.run
    return states


def _requests(decision: Decision) -> Mapping[str, bytes]:
    return {effect.id: b"bytes" for effect in decision.owed}


def told(run: Run | None) -> Run | None:
    """What a history tells of a run: alarms, items and tasks are beside it."""
    if run is None:
        return None
    steps = {key: replace(step, alarms={}) for key, step in run.steps.items()}
    return replace(run, version=0, steps=steps, items={}, tasks={})


@pytest.mark.parametrize("name", STORIES)
async def test_the_fold_is_the_row(runs: Runs, name: str) -> None:
    states = await persist(runs, STORIES[name]().decisions)
    snapshot = await runs.load("wfr_1")
    assert snapshot is not None
    assert told(await runs.run_at("wfr_1", snapshot.run.sequence)) == told(snapshot.run)
    assert told(states[snapshot.run.sequence]) == told(snapshot.run)


@pytest.mark.parametrize("name", STORIES)
async def test_the_fold_gives_every_earlier_state(runs: Runs, name: str) -> None:
    states = await persist(runs, STORIES[name]().decisions)
    assert len(states) > 1
    for sequence, state in states.items():
        assert told(await runs.run_at("wfr_1", sequence)) == told(state)


async def test_an_unknown_run_has_no_history(runs: Runs) -> None:
    assert await runs.run_at("wfr_none", 1) is None
