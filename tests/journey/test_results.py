"""AGENT_ACTION after its objective: where the result and the cost come from, the first that is there.

A result: TransitionStep, the change that tells of the end, the delegation during the grace. A cost: TransitionStep,
the change, the meter.
"""

from typing import Any

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Work
from tests.journey.acting import at_work, begin, found, plain, report, told_of
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain
from tests.world import World

BY_EVENT: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "output_payload": ({"output_payload": {"n": 1}, "output": {"n": 2}, "result": {"n": 3}}, {"n": 1}, 0),
    "output": ({"output": {"n": 2}, "result": {"n": 3}}, {"n": 2}, 0),
    "result": ({"result": {"n": 3}}, {"n": 3}, 0),
    "cost_usd": ({"result": {}, "cost_usd": 0.034, "total_cost_usd": 9}, {}, 0.034),
    "total_cost_usd": ({"result": {}, "total_cost_usd": 0.021}, {}, 0.021),
}


async def open_objective(shared: World, step: pb.StepDefinition) -> tuple[str, str]:
    """A run whose only step is at work until the test ends its objective: both ids."""
    shared.siblings.script.work[step.id] = Work(held=True)
    run = await begin(shared, chain(step))
    return run.id, await at_work(shared, run.id, step.id)


async def until_cost(shared: World, run_id: str, cost_usd: float) -> pb.WorkflowRun:
    return await shared.until(run_id, lambda run: run.total_cost_usd == cost_usd)


# --- the result --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("more", "output", "cost_usd"), BY_EVENT.values(), ids=BY_EVENT)
async def test_the_change_brings_result_and_cost(
    shared: World, more: dict[str, Any], output: dict[str, Any], cost_usd: float
) -> None:
    run_id, objective_id = await open_objective(shared, agent("told"))
    await told_of(shared, objective_id, "COMPLETED", **more)
    ended = await shared.until_ended(run_id)
    assert (plain(ended.output_payload), ended.total_cost_usd) == (output, cost_usd)


async def test_a_report_comes_before_the_change(shared: World) -> None:
    run_id, objective_id = await open_objective(shared, agent("both"))
    await report(shared, run_id, "both", "COMPLETED", objective_id=objective_id, output={"by": "rpc"}, cost_usd=0.5)
    await told_of(shared, objective_id, "COMPLETED", output={"by": "bus"})
    run_id_after, objective_after = await open_objective(shared, agent("after"))
    await told_of(shared, objective_after, "COMPLETED", output={})
    await shared.until_ended(run_id_after)
    kept = await shared.run(run_id)
    assert (plain(kept.output_payload), kept.total_cost_usd) == ({"by": "rpc"}, 0.5)


async def test_the_delegation_brings_the_result_when_nobody_else_does(shared: World) -> None:
    shared.siblings.script.work["handed"] = Work({"from": "delegation"}, 0.125, 1.0, result_in_delegation=True)
    run = await begin(shared, chain(agent("handed", required_capability="lead.qualification")))
    ended = await shared.until_ended(run.id)
    assert (plain(ended.output_payload), ended.total_cost_usd) == ({"from": "delegation"}, 0.125)


async def test_a_richer_report_may_come_during_the_grace(shared: World) -> None:
    run_id, objective_id = await open_objective(shared, agent("graced", config={"output_required": True}))
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.25)
    assert (await until_cost(shared, run_id, 0.25)).state == pb.WORKFLOW_STATE_RUNNING
    await told_of(shared, objective_id, "COMPLETED", result={"at": "last"})
    ended = await shared.until_ended(run_id)
    assert (plain(ended.output_payload), ended.total_cost_usd) == ({"at": "last"}, 0.25)


@pytest.mark.parametrize("grace_seconds", [0, 1])
@pytest.mark.parametrize("required", [False, True])
async def test_after_the_grace_there_is_no_result(shared: World, grace_seconds: int, required: bool) -> None:
    config = {"result_grace_seconds": grace_seconds, "output_required": required}
    run_id, objective_id = await open_objective(shared, agent("empty", config=config))
    await told_of(shared, objective_id, "COMPLETED")
    ended = await shared.until_ended(run_id)
    if required:
        assert ended.state == pb.WORKFLOW_STATE_FAILED
        assert found(ended, "empty").error_message == "the objective completed without a result"
    else:
        assert (ended.state, plain(ended.output_payload)) == (pb.WORKFLOW_STATE_COMPLETED, {})


async def test_a_missing_result_is_retried_unless_that_is_ruled_out(shared: World) -> None:
    strict = {"result_grace_seconds": 0, "output_required": True, "non_retryable": ["result_missing"]}
    run_id, objective_id = await open_objective(shared, agent("once", config=strict, retry_policy=ONCE_MORE_SOON))
    await told_of(shared, objective_id, "COMPLETED")
    assert found(await shared.until_ended(run_id), "once").retry_count == 0


# --- the cost ----------------------------------------------------------------------------------------------------


async def test_the_meter_is_asked_last_and_adds_exactly(shared: World) -> None:
    run_id, objective_id = await open_objective(shared, agent("metered"))
    for record_id, cost_usd in (("use_1", 0.034), ("use_2", 0.021), ("use_1", 0.034)):
        shared.siblings.record_usage(objective_id, cost_usd, f"{record_id}_{objective_id}")
    await told_of(shared, objective_id, "COMPLETED", output={})
    assert (await until_cost(shared, run_id, 0.055)).state == pb.WORKFLOW_STATE_COMPLETED


@pytest.mark.parametrize("kind", ["UNAVAILABLE", "GARBAGE"])
async def test_a_meter_that_is_not_understood_is_asked_again(shared: World, kind: str) -> None:
    run_id, objective_id = await open_objective(shared, agent("murmured"))
    shared.siblings.record_usage(objective_id, 0.125)
    shared.siblings.add_fault(Fault("meter.QueryUsage", kind))
    await told_of(shared, objective_id, "COMPLETED", output={})
    await until_cost(shared, run_id, 0.125)


async def test_the_meter_does_not_gainsay_the_change(shared: World) -> None:
    run_id, objective_id = await open_objective(shared, agent("said"))
    shared.siblings.record_usage(objective_id, 99.0)
    await told_of(shared, objective_id, "COMPLETED", output={}, cost_usd=0.5)
    assert (await shared.until_ended(run_id)).total_cost_usd == 0.5
    asked = [call.request for call in shared.siblings.calls if call.method == "meter.QueryUsage"]
    assert not any(objective_id.encode() in request for request in asked)


async def test_a_cost_may_come_after_the_run_and_counts_once(shared: World) -> None:
    run_id, objective_id = await open_objective(shared, agent("late"))
    await told_of(shared, objective_id, "COMPLETED", output={})
    await shared.until_ended(run_id)
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.034)
    await until_cost(shared, run_id, 0.034)
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.055)
    await until_cost(shared, run_id, 0.055)
    await told_of(shared, objective_id, "COMPLETED", cost_usd=0.055)
    other, last = await open_objective(shared, agent("later"))
    await told_of(shared, last, "COMPLETED", output={}, cost_usd=0.1)
    await until_cost(shared, other, 0.1)
    *_, ended, once, corrected = await shared.told(run_id, 7)
    assert ended.type == "workflows.changes.run.completed"
    assert [change.body["step"]["cost_usd"] for change in (once, corrected)] == [0.034, 0.055]


async def test_a_late_cost_goes_to_the_attempt_whose_objective_it_was(shared: World) -> None:
    step = agent("twice", retry_policy=ONCE_MORE_SOON)
    run_id, first = await open_objective(shared, step)
    await told_of(shared, first, "FAILED", error_message="tired", cost_usd=0.25)
    await shared.until(run_id, lambda run: found(run, "twice").objective_id not in ("", first))
    second = await at_work(shared, run_id, "twice")
    await told_of(shared, second, "COMPLETED", output={}, cost_usd=0.5)
    await told_of(shared, first, "FAILED", cost_usd=1.0)
    assert found(await until_cost(shared, run_id, 1.5), "twice").cost_usd == 1.5
