"""Compensation through the whole service: a saga of eight steps that fails at the seventh, as its agents see it undone.

Every step is an agent's; what undoes it is an agent's as well, unless a test says otherwise. The order in which
objectives are created is the order in which things happened.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import grpc
import pytest
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Script, Work
from tests.edge.edge import refused
from tests.journey import test_crash
from tests.journey.acting import Rows, at_work, begin, found, plain, report, states, until_siblings
from tests.journey.controlling import (
    cancel,
    compensate,
    created,
    key,
    preview,
    retry_step,
    times,
    until_state,
)
from tests.journey.graphs import agent, chain, graph, step, task
from tests.journey.streams import stored_changes, until_stored
from tests.journey.test_crash import Scene
from tests.journey.test_sub_workflows import by_id, calling
from tests.world import World

DO = [f"do-{number}" for number in range(1, 9)]
UNDO = [f"undo-{number}" for number in range(1, 9)]
DONE = DO[:7]
"""The seventh was tried: what it has done is not known, so it is undone as well."""
UNDONE = UNDO[6::-1]
SOON = pb.RetryPolicy(max_retries=2, backoff_seconds=1, backoff_multiplier=1)


def undone_by(step_id: str, undo: pb.StepDefinition, **fields: Any) -> tuple[pb.StepDefinition, pb.StepDefinition]:
    return agent(step_id, compensation_step_id=undo.id, **fields), undo


def saga(**undoing: Any) -> pb.PublishVersionRequest:
    """`undoing` are fields of the steps that undo."""
    pairs = [undone_by(do, agent(undo, **undoing)) for do, undo in zip(DO, UNDO, strict=True)]
    steps = [each for pair in pairs for each in pair]
    return graph(steps, *(f"{before}>{after}" for before, after in pairwise(DO)))


@pytest.fixture
def work(shared: World) -> dict[str, Work]:
    """What becomes of each agent's work; the seventh step fails."""
    script = shared.siblings.script.work
    script.clear()
    script.update({do: Work({"by": do}) for do in DO} | {"do-7": Work(state="FAILED", error_message="sold out")})
    return script


async def failed_saga(shared: World, **undoing: Any) -> pb.WorkflowRun:
    run = await shared.until_ended((await begin(shared, saga(**undoing))).id)
    assert (run.state, created(shared, run.id)) == (pb.WORKFLOW_STATE_FAILED, DONE)
    return run


async def until_undone(shared: World, run_id: str) -> pb.WorkflowRun:
    await shared.until_told(run_id, "run.compensated")
    return await shared.run(run_id)


def undoings(shared: World, run: pb.WorkflowRun) -> list[str]:
    return [step_id for step_id in created(shared, run.id) if step_id.startswith("undo")]


# --- in reverse order ----------------------------------------------------------------------------------------------


async def test_all_that_was_done_is_undone_in_exact_reverse_order_as_foreseen(
    shared: World, work: dict[str, Work]
) -> None:
    run = await failed_saga(shared)
    foreseen = [[planned.compensation_step_id for planned in level] for level in await preview(shared, run.id)]
    assert (await compensate(shared, run.id, "sold out")).state == pb.WORKFLOW_STATE_COMPENSATING
    ended = await until_undone(shared, run.id)
    assert undoings(shared, run) == [undo for level in foreseen for undo in level] == UNDONE
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert states(ended) == {
        **dict.fromkeys(DONE, "COMPENSATED"),
        "do-8": "PENDING",
        **dict.fromkeys(UNDONE, "COMPLETED"),
    }
    assert plain(found(ended, "undo-3").input_payload) == {"by": "do-3"}
    assert await preview(shared, run.id) == []
    told = await shared.told(run.id, 1)
    assert (times(told, "run.compensate"), times(told, "run.compensated")) == (1, 1)
    assert times(told, "step.compensated") == len(DONE)


async def test_one_that_fails_twice_is_tried_until_it_works(shared: World, work: dict[str, Work]) -> None:
    work["undo-5"] = Work(failures=2)
    run = await failed_saga(shared, retry_policy=SOON)
    await compensate(shared, run.id)
    ended = await until_undone(shared, run.id)
    assert undoings(shared, run) == ["undo-7", "undo-6", *["undo-5"] * 3, "undo-4", "undo-3", "undo-2", "undo-1"]
    assert {states(ended)[do] for do in DONE} == {"COMPENSATED"}


async def test_two_at_once_are_one_walk(shared: World, work: dict[str, Work]) -> None:
    run = await failed_saga(shared)
    answers = await asyncio.gather(*(compensate(shared, run.id, metadata=key()) for _ in range(2)))
    assert {answer.state for answer in answers} == {pb.WORKFLOW_STATE_COMPENSATING}
    await until_undone(shared, run.id)
    assert undoings(shared, run) == UNDONE


async def test_steps_that_do_not_depend_on_each_other_are_undone_at_the_same_time(
    shared: World, work: dict[str, Work]
) -> None:
    work.update({"undo-left": Work(held=True), "undo-right": Work(held=True), "last": Work(state="FAILED")})
    pairs = [undone_by(name, agent(f"undo-{name}")) for name in ("first", "left", "right")]
    steps = [*(each for pair in pairs for each in pair), agent("last")]
    run = await begin(shared, graph(steps, "first>left", "first>right", "left>last", "right>last"))
    await shared.until_ended(run.id)
    foreseen = [sorted(planned.step_id for planned in level) for level in await preview(shared, run.id)]
    assert foreseen == [["left", "right"], ["first"]]
    await compensate(shared, run.id)
    for name in ("undo-left", "undo-right"):
        objective_id = await at_work_on(shared, run.id, name)
        assert "undo-first" not in created(shared, run.id)
        await shared.siblings.finish_objective(objective_id, Work())
    await until_undone(shared, run.id)
    assert created(shared, run.id)[-1] == "undo-first"


async def at_work_on(shared: World, run_id: str, step_id: str) -> str:
    """The objective of a step that is not there before it is needed."""
    await shared.until(run_id, lambda run: step_id in states(run))
    return await at_work(shared, run_id, step_id)


# --- what stops it, and going on -----------------------------------------------------------------------------------


async def test_one_that_cannot_be_undone_stops_it_and_asking_again_goes_on_there(
    shared: World, work: dict[str, Work], rows: Rows
) -> None:
    work["undo-3"] = Work(failures=1)
    run = await failed_saga(shared)
    await compensate(shared, run.id)
    stopped = await shared.until(run.id, lambda run: states(run).get("undo-3") == "FAILED")
    assert stopped.state == pb.WORKFLOW_STATE_FAILED
    row = await rows.run(run.id)
    assert row["failure_reason"] == "compensation_failed"
    assert row["failure_message"] == "do-3 could not be undone; left to undo: do-3, do-2, do-1"
    left = [(planned.step_id, planned.attempted_before) for level in await preview(shared, run.id) for planned in level]
    assert left == [("do-3", True), ("do-2", False), ("do-1", False)]
    assert (await refused(retry_step(shared, run.id, "do-7"))).reason == "run_compensated"

    await compensate(shared, run.id)
    ended = await until_undone(shared, run.id)
    assert undoings(shared, run) == [*UNDONE[:5], *UNDONE[4:]]
    assert {states(ended)[do] for do in DONE} == {"COMPENSATED"}
    assert (await rows.run(run.id))["failure_reason"] == "objective_failed"
    error = await refused(retry_step(shared, run.id, "undo-3"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "compensation_step")


async def test_cancelled_on_its_way_it_can_be_taken_up_again(shared: World, work: dict[str, Work]) -> None:
    work["undo-5"] = Work(held=True)
    run = await failed_saga(shared)
    await compensate(shared, run.id)
    objective_id = await at_work_on(shared, run.id, "undo-5")
    cancelled = await cancel(shared, run.id, "not now")
    assert (cancelled.state, states(cancelled)["undo-5"]) == (pb.WORKFLOW_STATE_CANCELLED, "CANCELLED")
    objective = shared.siblings.objectives[objective_id]
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)
    work["undo-5"] = Work()
    await compensate(shared, run.id)
    ended = await until_undone(shared, run.id)
    assert ended.state == pb.WORKFLOW_STATE_CANCELLED
    assert undoings(shared, run) == [*UNDONE[:3], *UNDONE[2:]]


# --- what undoes ---------------------------------------------------------------------------------------------------


async def test_any_step_type_undoes(shared: World, work: dict[str, Work]) -> None:
    config = {"recipient": "team_sales"}
    fields = {"notification_channel": "DELIVERY_CHANNEL_SLACK", "notification_template": "undone"}
    inform = step("inform", "NOTIFICATION", config, **fields)
    steps = [*undone_by("do-1", inform), *undone_by("do-2", task("by-hand")), agent("do-7")]
    run = await shared.until_ended((await begin(shared, graph(steps, "do-1>do-2", "do-2>do-7"))).id)
    await compensate(shared, run.id)
    await shared.until(run.id, lambda run: states(run).get("by-hand") == "WAITING")
    await report(shared, run.id, "by-hand", "COMPLETED")
    ended = await until_undone(shared, run.id)
    assert found(ended, "inform").notification_id in shared.siblings.notifications
    assert (states(ended)["do-1"], states(ended)["do-2"]) == ("COMPENSATED", "COMPENSATED")


async def test_a_child_run_is_undone_by_its_own_definition(shared: World, work: dict[str, Work]) -> None:
    called = await by_id(shared, graph([*undone_by("do-1", agent("undo-1")), agent("do-2")], "do-1>do-2"))
    run = await begin(shared, chain(calling("call", called), agent("do-7")))
    await shared.until_ended(run.id)
    ((planned,),) = await preview(shared, run.id)
    assert (planned.step_id, planned.compensation_step_id) == ("call", "")
    await compensate(shared, run.id)
    ended = await until_undone(shared, run.id)
    assert states(ended) == {"call": "COMPENSATED", "do-7": "FAILED"}
    child = await until_state(shared, planned.child_run_ids[0], pb.WORKFLOW_STATE_COMPLETED)
    assert states(child) == {"do-1": "COMPENSATED", "do-2": "COMPLETED", "undo-1": "COMPLETED"}


# --- killed between every two steps --------------------------------------------------------------------------------


scene = test_crash.scene


@pytest.fixture
def script() -> Script:
    """What the service that is killed meets."""
    return Script(work={"do-7": Work(state="FAILED")})


async def test_killed_between_every_two_steps_it_is_done_and_undone_once_in_order(scene: Scene) -> None:
    world = scene.world
    scene.run = await begin(world, saga())
    await kill_after_each(scene, DO[:6], "step.completed")
    await world.until_told(scene.run.id, "run.failed")
    await scene.service.wait_ready()
    await compensate(world, scene.run.id)
    await kill_after_each(scene, DONE[::-1], "step.compensated")
    await until_stored(world.bus, scene.run.id, "run.compensated")
    await scene.service.wait_ready()
    ended = await world.run(scene.run.id)
    assert {states(ended)[do] for do in DONE} == {"COMPENSATED"}
    assert created(world, scene.run.id) == [*DONE, *UNDONE]
    numbers = [change.sequence for change in await stored_changes(world.bus, scene.run.id)]
    assert numbers == list(range(1, len(numbers) + 1))


async def kill_after_each(scene: Scene, step_ids: Sequence[str], operation: str) -> None:
    """Kills the service as soon as the world knows that a step has got so far, and launches it again."""
    for step_id in step_ids:
        await until_step_told(scene, step_id, operation)
        scene.service.kill()
        scene.service.launch()


async def until_step_told(scene: Scene, step_id: str, operation: str) -> None:
    def told() -> bool:
        changes = (change for change in scene.changes() if change.type == f"workflows.changes.{operation}")
        return any(change.body["step"]["step_id"] == step_id for change in changes)

    async with asyncio.timeout(60), scene.world.heard:
        await scene.world.heard.wait_for(told)
