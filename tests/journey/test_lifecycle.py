"""Pausing, resuming and cancelling runs, letting failed ones go on, and forking, through the whole service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Work
from tests.edge.edge import refused
from tests.journey.acting import Rows, asked, at_work, begin, found, plain, report, states, told_of, until_siblings
from tests.journey.controlling import (
    bound,
    cancel,
    compensate,
    created,
    fork,
    key,
    pause,
    preview,
    resume,
    retry_step,
    skip_step,
    times,
    until_state,
)
from tests.journey.graphs import agent, chain, graph, step, task
from tests.journey.refusals import Stored
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.world import World, step_state


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


async def seconds_pass(shared: World, seconds: int) -> None:
    """By the clock that all timeouts go by."""
    clock = step("clock", "WAIT_FOR_EVENT", {"timeout_action": "go on"}, timeout_seconds=seconds)
    await shared.until_ended((await begin(shared, chain(clock))).id)


# --- pausing and resuming ------------------------------------------------------------------------------------------


async def test_pausing_twice_is_one_pause_with_the_first_reason(shared: World, rows: Rows) -> None:
    run = await begin(shared, chain(task("sign"), task("next")))
    assert (await pause(shared, run.id, "lunch")).state == pb.WORKFLOW_STATE_PAUSED
    assert (await pause(shared, run.id, "again")).state == pb.WORKFLOW_STATE_PAUSED
    assert (await rows.run(run.id))["pauses"]["caller"]["reason"] == "lunch"
    answer = await report(shared, run.id, "sign", "COMPLETED")
    assert states(answer.run) == {"sign": "COMPLETED", "next": "PENDING"}
    assert states(await resume(shared, run.id)) == {"sign": "COMPLETED", "next": "WAITING"}
    assert (await resume(shared, run.id)).state == pb.WORKFLOW_STATE_RUNNING
    told = await shared.until_told(run.id, "run.resume")
    assert (times(told, "run.pause"), times(told, "run.resume")) == (1, 1)


async def test_a_retry_waits_out_the_pause_and_then_starts_once(shared: World) -> None:
    shared.siblings.script.work["flaky"] = Work({"ok": True}, failures=1)
    policy = pb.RetryPolicy(max_retries=1, backoff_seconds=3)
    run = await begin(shared, chain(agent("flaky", retry_policy=policy)))
    await shared.until(run.id, lambda run: run.steps[0].retry_count == 1)
    await pause(shared, run.id)
    await seconds_pass(shared, 4)
    assert states(await shared.run(run.id)) == {"flaky": "PENDING"}
    assert created(shared, run.id) == ["flaky"]
    assert states(await resume(shared, run.id)) == {"flaky": "RUNNING"}
    assert plain((await shared.until_ended(run.id)).output_payload) == {"ok": True}
    assert created(shared, run.id) == ["flaky", "flaky"]


async def test_timeouts_of_steps_go_on_in_a_paused_run(shared: World) -> None:
    run = await begin(shared, chain(task("sign", timeout_seconds=3), timeout_seconds=60))
    await pause(shared, run.id)
    await shared.until_step(run.id, "sign", "FAILED")
    assert (await shared.run(run.id)).state == pb.WORKFLOW_STATE_PAUSED
    assert (await resume(shared, run.id)).state == pb.WORKFLOW_STATE_FAILED


async def test_a_paused_run_ends_by_its_own_timeout(shared: World, rows: Rows) -> None:
    run = await begin(shared, chain(task("sign", timeout_seconds=60), timeout_seconds=3))
    await pause(shared, run.id)
    ended = await shared.until_ended(run.id)
    assert (ended.state, states(ended)) == (pb.WORKFLOW_STATE_FAILED, {"sign": "CANCELLED"})
    assert (await rows.run(run.id))["failure_reason"] == "run_timed_out"


async def test_what_is_in_flight_comes_home_and_the_bus_is_told_when_all_is_quiet(shared: World) -> None:
    shared.siblings.script.work["slow"] = Work(held=True)
    run = await begin(shared, chain(agent("slow"), agent("next")))
    objective_id = await at_work(shared, run.id, "slow")
    await pause(shared, run.id, "let it settle")
    await shared.siblings.finish_objective(objective_id, Work({"n": 1}, cost_usd=0.25))
    await shared.until_step(run.id, "slow", "COMPLETED")
    paused = await shared.run(run.id)
    assert (states(paused), paused.total_cost_usd) == ({"slow": "COMPLETED", "next": "PENDING"}, 0.25)
    await resume(shared, run.id)
    assert states(await shared.until_ended(run.id)) == {"slow": "COMPLETED", "next": "COMPLETED"}
    told = await shared.until_told(run.id, "run.completed")
    assert [change.headers.get("ce-drained") for change in told if change.type.endswith("run.pause")] == [
        "false",
        "true",
    ]
    assert "ce-drained" not in told[-1].headers


# --- cancelling ----------------------------------------------------------------------------------------------------


async def test_cancelling_takes_back_all_that_is_open_and_says_why(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["slow"] = Work(held=True)
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern="siphon.tap.never")
    run = await begin(shared, graph([agent("slow"), task("sign"), wait, task("last")], "sign>last"))
    objective_id = await at_work(shared, run.id, "slow")
    cancelled = await cancel(shared, run.id, "changed our mind")
    assert cancelled.state == pb.WORKFLOW_STATE_CANCELLED
    assert set(states(cancelled).values()) == {"CANCELLED"}
    objective = shared.siblings.objectives[objective_id]
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)
    (call,) = [call for call in asked(shared, run.id) if call.method == "objectives.Cancel"]
    assert objectives_pb2.CancelRequest.FromString(call.request).reason == "changed our mind"
    assert [task["status"] for task in await rows.of("human_tasks", run.id)] == ["CANCELLED"]
    assert [row["address"] for row in await rows.of("run_waits", run.id)] == [f"objective:{objective_id}"]
    assert (await cancel(shared, run.id, "again")).state == pb.WORKFLOW_STATE_CANCELLED


async def test_what_completes_after_all_is_recorded_and_revives_nothing(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["slow"] = Work(held=True)
    run = await begin(shared, chain(agent("slow"), agent("next")))
    objective_id = await at_work(shared, run.id, "slow")
    await cancel(shared, run.id)
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.5, output_payload={"n": 1})
    late = await shared.until(run.id, lambda run: run.total_cost_usd == 0.5)
    assert late.state == pb.WORKFLOW_STATE_CANCELLED
    assert states(late) == {"slow": "CANCELLED", "next": "CANCELLED"}
    assert (await rows.evidence(run.id, "slow"))["completed_after_all"]
    assert created(shared, run.id) == ["slow"]


# --- runs within runs ----------------------------------------------------------------------------------------------


async def test_child_runs_pause_resume_and_are_cancelled_with_their_parent(shared: World, rows: Rows) -> None:
    parent = await begin(shared, chain(calling("call", await by_id(shared, chain(task("sign"))))))
    child = await child_of(shared, parent)
    await shared.until_step(parent.id, "call", "WAITING")
    await pause(shared, parent.id, "lunch")
    await until_state(shared, child.id, pb.WORKFLOW_STATE_PAUSED)
    assert (await rows.run(child.id))["pauses"]["parent"]["reason"] == "lunch"
    error = await refused(resume(shared, child.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "paused_by_parent")
    await resume(shared, parent.id)
    await until_state(shared, child.id, pb.WORKFLOW_STATE_RUNNING)
    await cancel(shared, parent.id, "over")
    await until_state(shared, child.id, pb.WORKFLOW_STATE_CANCELLED)
    assert (await rows.run(child.id))["failure_message"] == "over"


async def test_a_child_that_was_paused_for_itself_stays_so_when_its_parent_goes_on(shared: World) -> None:
    parent = await begin(shared, chain(calling("call", await by_id(shared, chain(task("sign"))))))
    child = await child_of(shared, parent)
    await shared.until_step(parent.id, "call", "WAITING")
    await pause(shared, child.id)
    await pause(shared, parent.id)
    await shared.told(child.id, 4)  # started, the task, and a pause for each who paused it
    await resume(shared, parent.id)
    await shared.told(child.id, 5)
    assert (await shared.run(child.id)).state == pb.WORKFLOW_STATE_PAUSED
    assert (await resume(shared, child.id)).state == pb.WORKFLOW_STATE_RUNNING


# --- whom no control can reach -------------------------------------------------------------------------------------

CONTROLS: dict[str, Callable[[World, str], Awaitable[Any]]] = {
    "pause": pause,
    "resume": resume,
    "cancel": cancel,
    "compensate": compensate,
    "retry": lambda shared, run_id: retry_step(shared, run_id, "sign"),
    "skip": lambda shared, run_id: skip_step(shared, run_id, "sign"),
    "fork": lambda shared, run_id: fork(shared, run_id, "sign"),
    "preview": preview,
}
COMPLETED = {
    "pause": "run_not_running",
    "resume": "run_not_paused",
    "cancel": "run_terminal",
    "compensate": "run_completed",
    "retry": "step_not_failed",
    "skip": "step_not_skippable",
}
RUNNING = {"compensate": "run_not_ended", "retry": "step_not_failed", "skip": "step_not_skippable"}


@pytest.mark.parametrize("control", CONTROLS)
async def test_a_run_that_is_not_there(shared: World, stored: Stored, control: str) -> None:
    seen = await stored.refuses(CONTROLS[control], shared, "wfr_unknown")
    assert (seen.code, seen.reason) == (grpc.StatusCode.NOT_FOUND, "run_not_found")


async def test_a_run_that_has_completed(shared: World, stored: Stored) -> None:
    run = await begin(shared, chain(task("sign")))
    await report(shared, run.id, "sign", "COMPLETED")
    await shared.until_told(run.id, "run.completed")
    for control, reason in COMPLETED.items():
        seen = await stored.refuses(CONTROLS[control], shared, run.id)
        assert (seen.code, seen.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)


async def test_a_run_that_goes_on(shared: World, stored: Stored) -> None:
    run = await begin(shared, chain(task("sign")))
    await shared.until_told(run.id, "step.waiting")
    for control, reason in RUNNING.items():
        seen = await stored.refuses(CONTROLS[control], shared, run.id)
        assert (seen.code, seen.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    async with stored.unchanged():
        await resume(shared, run.id)


@pytest.mark.parametrize("act", [retry_step, skip_step, fork])
async def test_a_step_that_is_not_there(shared: World, stored: Stored, act: Callable[..., Awaitable[Any]]) -> None:
    run = await begin(shared, chain(task("sign")))
    await shared.until_told(run.id, "step.waiting")
    seen = await stored.refuses(act, shared, run.id, "nobody")
    assert (seen.code, seen.reason) == (grpc.StatusCode.NOT_FOUND, "step_not_found")


async def test_a_control_whose_client_went_away_is_made_whole_or_not_at_all(shared: World) -> None:
    """And asked again under its key it says what it did, once."""
    definition_id = (await shared.publish(graph([task("sign"), task("file")]))).definition.id
    given_up = 0
    for milliseconds in (0.1, 0.5, 1, 2, 3, 5, 8, 13):
        run, own = await shared.start(definition_id), key()
        try:
            await cancel(shared, run.id, "over", metadata=own, timeout=milliseconds / 1000)
        except grpc.aio.AioRpcError:
            given_up += 1
        seen = await shared.run(run.id)
        assert (seen.state, set(states(seen).values())) in (
            (pb.WORKFLOW_STATE_RUNNING, {"WAITING"}),
            (pb.WORKFLOW_STATE_CANCELLED, {"CANCELLED"}),
        )
        first, again = [await cancel(shared, run.id, "over", metadata=own) for _ in range(2)]
        assert first == again == await shared.run(run.id)
        assert times(await shared.until_told(run.id, "run.cancel"), "run.cancel") == 1
    assert given_up


# --- letting a failed run go on ------------------------------------------------------------------------------------


async def test_a_failed_step_is_tried_again_once_per_key(shared: World, rows: Rows) -> None:
    shared.siblings.script.work["stuck"] = Work({"ok": True}, failures=1)
    run = await begin(shared, chain(agent("stuck"), task("after")))
    await shared.until_ended(run.id)
    own = key()
    first, again = [await retry_step(shared, run.id, "stuck", "list fixed", metadata=own) for _ in range(2)]
    assert first == again
    assert (first.state, first.HasField("completed_at")) == (pb.WORKFLOW_STATE_RUNNING, False)
    after = await shared.until_step(run.id, "after", "WAITING")
    assert plain(after.input_payload) == {"ok": True}
    assert created(shared, run.id) == ["stuck", "stuck"]
    assert (await rows.evidence(run.id, "stuck"))["retry_reason"] == "list fixed"


async def test_a_failed_step_can_be_done_without(shared: World) -> None:
    shared.siblings.script.work["hopeless"] = Work(state="FAILED")
    run = await begin(shared, graph([agent("hopeless"), task("after"), task("beside")], "hopeless>after"))
    await shared.until_ended(run.id)
    skipped = await skip_step(shared, run.id, "hopeless", "by hand")
    assert states(skipped) == {"hopeless": "SKIPPED", "after": "SKIPPED", "beside": "WAITING"}
    assert found(skipped, "hopeless").error_message == "by hand"
    answer = await report(shared, run.id, "beside", "COMPLETED")
    assert answer.run.state == pb.WORKFLOW_STATE_COMPLETED


# --- forks and bounds ----------------------------------------------------------------------------------------------


async def test_a_fork_keeps_what_came_before_and_leaves_its_source_alone(shared: World, rows: Rows) -> None:
    shared.siblings.script.work.update({"first": Work({"n": 1}, cost_usd=0.5), "second": Work({"n": 2}, cost_usd=0.25)})
    published = await shared.publish(chain(agent("first"), agent("second")))
    source = await shared.until_ended((await shared.start(published.definition.id, {"who": "Dana"})).id)
    own = key()
    forked, again = [await fork(shared, source.id, "second", metadata=own) for _ in range(2)]
    assert forked == again
    assert states(forked) == {"first": "COMPLETED", "second": "RUNNING"}
    ended = await shared.until_ended(forked.id)
    assert (plain(ended.input_payload), plain(ended.output_payload)) == ({"who": "Dana"}, {"n": 2})
    assert (ended.total_cost_usd, created(shared, forked.id)) == (0.25, ["second"])
    assert (await rows.run(forked.id))["forked_from"] == source.id
    assert await shared.run(source.id) == source


async def test_a_fork_may_follow_a_newer_version(shared: World, stored: Stored) -> None:
    definition = await shared.definition()
    await shared.publish(chain(task("first"), task("second")), definition)
    source = await shared.start(definition.id)
    await report(shared, source.id, "first", "COMPLETED", output={"n": 1})
    await shared.publish(chain(task("first"), task("between"), task("second")), definition)
    forked = await fork(shared, source.id, "second", 2)
    assert states(forked) == {"first": "COMPLETED", "between": "WAITING", "second": "PENDING"}
    assert forked.definition_version == 2
    await shared.until_told(forked.id, "step.waiting")
    seen = await stored.refuses(fork, shared, source.id, "second", 3)
    assert (seen.code, seen.reason) == (grpc.StatusCode.NOT_FOUND, "version_not_found")


async def test_a_definition_bounds_its_runs_and_forks(shared: World, rows: Rows) -> None:
    published = await shared.publish(chain(task("sign"), timeout_seconds=600))
    unbound = await shared.start(published.definition.id)
    assert await bound(shared, published.definition.id, 1) == 1
    runs = [await shared.start(published.definition.id), await fork(shared, unbound.id, "sign")]
    ended = await asyncio.gather(*(shared.until_ended(run.id) for run in runs))
    assert [run.state for run in ended] == [pb.WORKFLOW_STATE_FAILED] * 2
    assert {(await rows.run(run.id))["failure_reason"] for run in ended} == {"run_timed_out"}
    assert step_state(await shared.run(unbound.id), "sign") == "WAITING"
