"""BRANCH, PARALLEL, NOTIFICATION and HUMAN_TASK on their main line and through their main failures.

Also a run's own timeout, and what becomes of a step whose sibling is not there.
"""

import asyncio
from typing import Any

import orjson
import pytest
from notifications.v1.notifications_pb2 import (
    DELIVERY_CHANNEL_SLACK,
    NOTIFICATION_CATEGORY_REPORT,
    PRIORITY_HIGH,
    SendRequest,
)
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Fault, Script, Work
from tests.journey.acting import asked, at_work, begin, found, plain, report, states, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, check, edge, gate, graph, step, task
from tests.world import WORKSPACE, World, step_state, world


def tell(config: dict[str, Any] | None = None, **fields: Any) -> pb.StepDefinition:
    fields |= {"notification_channel": "DELIVERY_CHANNEL_SLACK", "notification_template": "greeting"}
    return step("tell", "NOTIFICATION", {"recipient": "team_sales", **(config or {})}, **fields)


@pytest.mark.parametrize(("value", "way"), [(85000, "big"), (50000, "big"), (20000, "small")])
async def test_a_branch_takes_one_way_and_the_other_is_skipped(shared: World, value: int, way: str) -> None:
    route = step("route", "BRANCH", condition_expr="input.value")
    ways = edge("route>big", "value >= 50000", "high"), edge("route>small", "", "low")
    run = await begin(shared, graph([route, task("big"), task("small")], *ways), {"value": value})
    other = {"big": "small", "small": "big"}[way]
    assert states(await shared.run(run.id)) == {"route": "COMPLETED", way: "WAITING", other: "SKIPPED"}
    label = {"big": "high", "small": "low"}[way]
    output = found(await shared.run(run.id), "route").output_payload
    assert plain(output) == {"selected_edge": label, "value": value}


async def test_a_branch_without_a_way_fails_with_the_values(shared: World) -> None:
    route = step("route", "BRANCH", condition_expr="input.colour")
    run = await begin(shared, graph([route, task("red")], edge("route>red", "colour == 'red'")), {"colour": "blue"})
    assert run.state == pb.WORKFLOW_STATE_FAILED
    assert found(run, "route").error_message == "no edge's condition holds (colour = 'blue')"


async def test_an_expression_that_cannot_be_evaluated_fails_its_step(shared: World) -> None:
    route = step("route", "BRANCH", condition_expr="input.no.such.field > 1")
    run = await begin(shared, graph([route, task("on")], "route>on"))
    assert run.state == pb.WORKFLOW_STATE_FAILED
    assert "input.no.such.field" in found(run, "route").error_message


async def test_parallel_children_run_together_and_are_joined_once(shared: World) -> None:
    for name in ("left", "right"):
        shared.siblings.script.work[name] = Work({name: True}, held=True)
    steps = [step("both", "PARALLEL"), agent("left"), agent("right"), task("join")]
    run = await begin(shared, graph(steps, "both>left", "both>right", "left>join", "right>join"))
    open_ = await shared.until(run.id, lambda run: all(found(run, one).objective_id for one in ("left", "right")))
    await shared.siblings.finish_objective(found(open_, "left").objective_id, Work({"left": 1}))
    await shared.until_step(run.id, "left", "COMPLETED")
    assert step_state(await shared.run(run.id), "join") == "PENDING"
    await shared.siblings.finish_objective(found(open_, "right").objective_id, Work({"right": 2}))
    join = await shared.until_step(run.id, "join", "WAITING")
    assert plain(join.input_payload) == {"left": 1, "right": 2}
    assert step_state(await shared.run(run.id), "both") == "COMPLETED"
    await report(shared, run.id, "join", "COMPLETED")
    told = await shared.until_told(run.id, "run.completed")
    started = [change.body["step"]["step_id"] for change in told if change.type.endswith("step.waiting")]
    assert started == ["join"]


async def test_a_child_that_fails_fails_its_parallel_once_the_others_are_done(shared: World) -> None:
    shared.siblings.script.work["works-on"] = shared.siblings.script.work["breaks"] = Work(held=True)
    steps = [step("both", "PARALLEL"), agent("works-on"), agent("breaks")]
    run = await begin(shared, graph(steps, "both>works-on", "both>breaks"))
    works_on, breaks = await at_work(shared, run.id, "works-on"), await at_work(shared, run.id, "breaks")
    await shared.siblings.finish_objective(breaks, Work(state="FAILED", error_message="tired"))
    await shared.until_step(run.id, "breaks", "FAILED")
    assert states(await shared.run(run.id)) == {"both": "RUNNING", "works-on": "RUNNING", "breaks": "FAILED"}
    await shared.siblings.finish_objective(works_on, Work())
    ended = await shared.until_ended(run.id)
    assert states(ended) == {"both": "FAILED", "works-on": "COMPLETED", "breaks": "FAILED"}
    assert found(ended, "both").error_message == "a child of this step failed"


async def test_a_parallel_whose_child_is_cancelled_is_cancelled(shared: World) -> None:
    steps = [step("both", "PARALLEL"), task("left"), task("right"), task("other")]
    run = await begin(shared, graph(steps, "both>left", "both>right"))
    await report(shared, run.id, "left", "COMPLETED")
    await report(shared, run.id, "other", "FAILED")
    ended = await shared.until_ended(run.id)
    assert states(ended) == {"both": "CANCELLED", "left": "COMPLETED", "right": "CANCELLED", "other": "FAILED"}


async def test_a_notification_is_sent_with_its_variables(shared: World) -> None:
    config = {
        "variables": {"who": "input.name"},
        "priority": "PRIORITY_HIGH",
        "category": "NOTIFICATION_CATEGORY_REPORT",
    }
    run = await begin(shared, chain(tell(config, name="Say hello")), {"name": "Dana"})
    ended = await shared.until_ended(run.id)
    sent = shared.siblings.notifications[found(ended, "tell").notification_id]
    assert (sent.recipient_id, sent.template_name, sent.workspace_id) == ("team_sales", "greeting", WORKSPACE)
    assert (sent.channel, sent.priority) == (DELIVERY_CHANNEL_SLACK, PRIORITY_HIGH)
    assert (sent.category, sent.subject) == (NOTIFICATION_CATEGORY_REPORT, "Say hello")
    (call,) = asked(shared, run.id)
    assert orjson.loads(SendRequest.FromString(call.request).template_variables_json) == {"who": "Dana"}


async def test_a_notification_that_is_refused_does_not_hold_up_the_run(shared: World) -> None:
    shared.siblings.add_fault(Fault("notifications.Send", "PERMISSION_DENIED"))
    run = await begin(shared, chain(tell()))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_COMPLETED
    assert "PERMISSION_DENIED" in found(ended, "tell").error_message


async def test_a_required_notification_that_is_refused_fails_the_run(shared: World) -> None:
    shared.siblings.add_fault(Fault("notifications.Send", "PERMISSION_DENIED"))
    run = await begin(shared, chain(tell({"required": True})))
    assert (await shared.until_ended(run.id)).state == pb.WORKFLOW_STATE_FAILED


async def test_a_required_notification_that_was_not_delivered_is_tried_again(shared: World) -> None:
    shared.siblings.add_fault(Fault("notifications.Send", "FAILED_PRECONDITION"))
    run = await begin(shared, chain(tell({"required": True}, retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    assert (states(ended), found(ended, "tell").retry_count) == ({"tell": "COMPLETED"}, 1)


async def test_a_person_completes_a_task_that_satisfies_its_form(shared: World) -> None:
    form = {"type": "object", "required": ["signed"], "properties": {"signed": {"type": "boolean"}}}
    run = await begin(shared, chain(task("sign", config={"title": "Sign it", "form_schema": form})))
    answer = await report(shared, run.id, "sign", "COMPLETED", output={"signed": True})
    assert answer.run.state == pb.WORKFLOW_STATE_COMPLETED
    assert plain(answer.run.output_payload) == {"signed": True}


async def test_a_rejected_task_fails_the_run(shared: World) -> None:
    run = await begin(shared, chain(task("sign", retry_policy=ONCE_MORE_SOON)))
    answer = await report(shared, run.id, "sign", "FAILED", error_message="will not sign")
    assert answer.run.state == pb.WORKFLOW_STATE_FAILED
    assert answer.step.error_message == "will not sign"


async def test_a_run_that_reaches_its_timeout_fails_and_cancels_what_is_in_flight(shared: World) -> None:
    shared.siblings.script.work["outlives"] = Work(held=True)
    slow = agent("outlives", timeout_seconds=60)
    run = await begin(shared, graph([slow, task("asked", timeout_seconds=60)], timeout_seconds=3))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert states(ended) == {"outlives": "CANCELLED", "asked": "CANCELLED"}
    objective = shared.siblings.objectives[found(ended, "outlives").objective_id]
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)


async def test_a_sibling_that_is_not_configured_fails_the_step_with_a_clear_reason(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    async with world(database, own_nats.url, script, {"OBJECTIVES_ADDRESS": "", "GOVERNANCE_ADDRESS": ""}) as poor:
        for like in (chain(agent("work")), chain(check("rules"))):
            run = await begin(poor, like)
            ended = await poor.until_ended(run.id)
            assert ended.state == pb.WORKFLOW_STATE_FAILED
            assert "no address is configured" in ended.steps[0].error_message


UNREACHED = {
    "objective": (agent("work", timeout_seconds=1), "FAILED", "the attempt reached its timeout"),
    "approval": (gate("ask", timeout_seconds=1), "FAILED", "the step reached its timeout"),
    "governance": (check("rules", timeout_seconds=1), "FAILED", "the step reached its timeout"),
    "notification": (tell(timeout_seconds=1), "COMPLETED", "the notification could not be sent in time"),
    "required": (tell({"required": True}, timeout_seconds=1), "FAILED", "the notification could not be sent in time"),
}


async def test_a_sibling_that_nobody_reaches_is_tried_until_the_timeout(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    names = ("OBJECTIVES_ADDRESS", "APPROVALS_ADDRESS", "GOVERNANCE_ADDRESS", "NOTIFICATIONS_ADDRESS")
    async with world(database, own_nats.url, script, dict.fromkeys(names, "127.0.0.1:1")) as poor:

        async def ends(wanted: pb.StepDefinition) -> tuple[str, str]:
            ended = await poor.until_ended((await begin(poor, chain(wanted))).id)
            return step_state(ended, wanted.id), ended.steps[0].error_message

        seen = await asyncio.gather(*(ends(wanted) for wanted, _, _ in UNREACHED.values()))
    assert dict(zip(UNREACHED, seen, strict=True)) == {
        name: (state, why) for name, (_, state, why) in UNREACHED.items()
    }
