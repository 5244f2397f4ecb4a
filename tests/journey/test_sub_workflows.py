"""AGENT_ACTION with `config.workflow`: another run does the work, and the two go together to the end."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Work
from tests.journey.acting import at_work, begin, found, plain, report, states, told_of, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, gate, graph, step, task
from tests.world import PATIENCE_SECONDS, World

CHILD = chain(agent("work"), task("check"))


def calling(step_id: str, workflow: dict[str, Any], **fields: Any) -> pb.StepDefinition:
    return step(step_id, "AGENT_ACTION", {"workflow": workflow, **fields.pop("config", {})}, **fields)


async def by_id(shared: World, like: pb.PublishVersionRequest, **more: Any) -> dict[str, Any]:
    """What a step says to call a workflow that is published for it."""
    return {"definition_id": (await shared.publish(like)).definition.id, **more}


async def child_of(shared: World, run: pb.WorkflowRun) -> pb.WorkflowRun:
    """The run's only child, once it is there."""

    def told() -> set[str]:
        runs = (change.body["run"] for change in shared.changes if change.type.endswith("run.started"))
        return {told["id"] for told in runs if told.get("parent_run_id") == run.id}

    async with shared.heard:
        await asyncio.wait_for(shared.heard.wait_for(lambda: bool(told())), PATIENCE_SECONDS)
    (child_id,) = told()
    return await shared.run(child_id)


# --- the main line -------------------------------------------------------------------------------------------------


async def test_the_childs_output_and_cost_are_the_steps(shared: World) -> None:
    shared.siblings.script.work["work"] = Work({"n": 1}, cost_usd=0.25)
    called = await by_id(shared, CHILD, input={"who": "input.name"})
    people = {"initiator_agent_id": "agent_sdr", "entity_id": "ent_dana", "entity_type": "ENTITY_TYPE_CONTACT"}
    run = await begin(shared, chain(calling("call", called), task("after")), {"name": "Dana"}, **people)
    child = await child_of(shared, run)
    assert (child.trigger_type, child.definition_id) == (pb.TRIGGER_TYPE_WORKFLOW, called["definition_id"])
    assert (plain(child.input_payload), child.workspace_id) == ({"who": "Dana"}, run.workspace_id)
    assert {name: getattr(child, name) for name in people} == people
    await shared.until_step(child.id, "check", "WAITING")
    await shared.until_step(run.id, "call", "WAITING")
    await report(shared, child.id, "check", "COMPLETED", output={"checked": True})
    after = await shared.until_step(run.id, "after", "WAITING")
    ended = await shared.run(run.id)
    assert plain(after.input_payload) == plain(found(ended, "call").output_payload) == {"checked": True}
    assert (found(ended, "call").cost_usd, ended.total_cost_usd) == (0.25, 0.25)


async def test_without_a_mapping_the_child_gets_the_steps_input(shared: World) -> None:
    run = await begin(shared, chain(calling("call", await by_id(shared, chain(task("wait"))))), {"n": 1})
    assert plain((await child_of(shared, run)).input_payload) == {"n": 1}


async def test_a_child_is_found_by_name_and_version(shared: World) -> None:
    definition = await shared.definition(name := f"child {uuid4()}")
    await shared.publish(chain(task("first")), definition)
    await shared.publish(chain(task("second")), definition)
    for version, step_id in ((0, "second"), (1, "first")):
        run = await begin(shared, chain(calling("call", {"name": name, "version": version})))
        assert states(await child_of(shared, run)) == {step_id: "WAITING"}


async def test_every_attempt_has_a_child_of_its_own(shared: World) -> None:
    shared.siblings.script.work["flaky"] = Work({"ok": True}, failures=1, cost_usd=0.5)
    called = await by_id(shared, chain(agent("flaky")))
    run = await begin(shared, chain(calling("call", called, retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    assert (ended.state, found(ended, "call").retry_count) == (pb.WORKFLOW_STATE_COMPLETED, 1)
    assert (plain(ended.output_payload), ended.total_cost_usd) == ({"ok": True}, 1.0)


# --- the line of parents -------------------------------------------------------------------------------------------


async def test_causes_are_chained_over_three_levels(shared: World) -> None:
    lowest = await by_id(shared, chain(agent("deed")))
    middle = await by_id(shared, chain(calling("down", lowest)))
    run = await begin(shared, chain(calling("down", middle)))
    child = await child_of(shared, run)
    grandchild = await child_of(shared, child)
    assert (child.parent_run_id, grandchild.parent_run_id) == (run.id, child.id)
    way = list[str]()
    for each in (run, child, grandchild):
        chained = {
            change.headers.get("ce-causechain", "") for change in await shared.until_told(each.id, "run.completed")
        }
        way.append(each.definition_id)
        assert chained == {",".join(way)}


async def test_the_seventeenth_run_in_a_line_is_refused(shared: World) -> None:
    definition = await shared.definition()
    await shared.publish(chain(calling("deeper", {"definition_id": definition.id})), definition)
    run = await shared.start(definition.id)
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert "at most 16 runs long" in found(ended, "deeper").error_message
    listed = await shared.stub.ListRuns(pb.ListRunsRequest(definition_id=definition.id))
    assert listed.total == 16


async def test_a_version_may_be_there_for_one_parent_only(shared: World) -> None:
    parent, stranger = await shared.definition(), await shared.definition()
    trigger = pb.WorkflowTrigger(trigger_type=pb.TRIGGER_TYPE_WORKFLOW, parent_workflow_id=parent.id)
    called = await by_id(shared, graph([task("wait")], trigger=trigger))
    for definition in (parent, stranger):
        await shared.publish(chain(calling("call", called)), definition)
    accepted, refused = await shared.start(parent.id), await shared.start(stranger.id)
    assert states(await child_of(shared, accepted)) == {"wait": "WAITING"}
    ended = await shared.until_ended(refused.id)
    assert found(ended, "call").error_message == f"this version is started by runs of {parent.id} only"


@pytest.mark.parametrize("called", [{"name": "nobody"}, {"definition_id": "wf_nobody"}], ids=["name", "id"])
async def test_a_workflow_that_is_not_there_fails_the_step(shared: World, called: dict[str, Any]) -> None:
    run = await begin(shared, chain(calling("call", called)))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert "nobody" in found(ended, "call").error_message


# --- going together to the end -------------------------------------------------------------------------------------


async def test_a_failed_child_fails_the_step(shared: World) -> None:
    shared.siblings.script.work["broken"] = Work(failures=1, error_message="tired", cost_usd=0.5)
    run = await begin(shared, chain(calling("call", await by_id(shared, chain(agent("broken"))))))
    ended = await shared.until_ended(run.id)
    assert (ended.state, ended.total_cost_usd) == (pb.WORKFLOW_STATE_FAILED, 0.5)
    assert found(ended, "call").error_message == "the child run: step broken: tired"


async def test_a_parent_that_times_out_cancels_its_child_and_what_that_does(shared: World) -> None:
    shared.siblings.script.work["endless"] = Work(held=True)
    lowest = await by_id(shared, chain(agent("endless")))
    middle = await by_id(shared, chain(calling("down", lowest)))
    run = await begin(shared, chain(calling("call", middle, timeout_seconds=5)))
    child = await child_of(shared, run)
    grandchild = await child_of(shared, child)
    objective = shared.siblings.objectives[await at_work(shared, grandchild.id, "endless")]
    ended = await shared.until_ended(run.id)
    assert found(ended, "call").error_message == "the child run did not end in time"
    for each in (child, grandchild):
        assert (await shared.until_ended(each.id)).state == pb.WORKFLOW_STATE_CANCELLED
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)


async def test_a_failing_parent_does_not_wait_for_its_child(shared: World) -> None:
    called = await by_id(shared, chain(task("wait")))
    run = await begin(shared, graph([calling("call", called), task("other")]))
    child = await child_of(shared, run)
    await shared.until_step(run.id, "call", "WAITING")
    await report(shared, run.id, "other", "FAILED", error_message="no")
    assert states(await shared.until_ended(run.id)) == {"call": "CANCELLED", "other": "FAILED"}
    assert states(await shared.until_ended(child.id)) == {"wait": "CANCELLED"}


async def test_a_cost_that_comes_after_the_childs_end_reaches_the_parent(shared: World) -> None:
    shared.siblings.script.work["unpaid"] = Work({"ok": True}, metered=True)
    called = await by_id(shared, chain(agent("unpaid")))
    run = await begin(shared, chain(calling("call", called)))
    child = await child_of(shared, run)
    objective_id = found(await shared.until_ended(child.id), "unpaid").objective_id
    await shared.until_ended(run.id)
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.055)
    for each in (child, run):
        await shared.until(each.id, lambda seen: seen.total_cost_usd == 0.055)


async def test_an_approval_in_a_child_is_the_parents_wait(shared: World) -> None:
    run = await begin(shared, chain(calling("call", await by_id(shared, chain(gate("in-child"))))))
    child = await child_of(shared, run)
    approval_id = (await shared.until_step(child.id, "in-child", "WAITING")).approval_request_id
    await shared.siblings.decide_approval(approval_id, "DENIED", "user_boss", "no")
    ended = await shared.until_ended(run.id)
    assert found(ended, "call").error_message == "the child run: step in-child: denied by user_boss: no"
