"""What becomes of work nobody hears of: its owner is asked, and an agent that shows no sign of life loses it.

In this world one second without news is a long time.
"""

from collections.abc import Mapping
from datetime import datetime

import pytest
from agents.v1 import agents_pb2
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Verdict, Work
from tests.journey.acting import asked, at_work, begin, found, plain, states, told_of, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, check, gate, step
from tests.world import World


@pytest.fixture(scope="module")
def settings() -> Mapping[str, str]:
    return {"QUIET_SECONDS": "1"}


async def until_cancelled(shared: World, objective_id: str) -> None:
    objective = shared.siblings.objectives[objective_id]
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)


# --- a word was lost -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "ended"), [("COMPLETED", "COMPLETED"), ("FAILED", "FAILED"), ("CANCELLED", "FAILED")]
)
async def test_an_end_that_nobody_told_is_found_by_asking(shared: World, state: str, ended: str) -> None:
    shared.siblings.script.work["untold"] = Work(held=True)
    run = await begin(shared, chain(agent("untold", config={"result_grace_seconds": 0})))
    objective_id = await at_work(shared, run.id, "untold")
    shared.siblings.record_usage(objective_id, 0.5)
    shared.siblings.objectives[objective_id].state = objectives_pb2.ObjectiveState.Value(f"OBJECTIVE_STATE_{state}")
    assert states(await shared.until_ended(run.id)) == {"untold": ended}
    await shared.until(run.id, lambda run: run.total_cost_usd == 0.5)


async def test_a_result_that_nobody_told_is_found_at_the_delegation(shared: World) -> None:
    shared.siblings.script.work["unheard"] = Work(held=True)
    run = await begin(shared, chain(agent("unheard", required_capability="lead.qualification")))
    handed = await shared.until(run.id, lambda run: bool(run.steps[0].delegation_id))
    delegation = shared.siblings.delegations[handed.steps[0].delegation_id]
    delegation.status, delegation.result_payload = agents_pb2.DELEGATION_STATUS_COMPLETED, b'{"found": true}'
    objective = shared.siblings.objectives[handed.steps[0].objective_id]
    objective.state = objectives_pb2.OBJECTIVE_STATE_COMPLETED
    assert plain((await shared.until_ended(run.id)).output_payload) == {"found": True}


UNSAID = {
    "gate approved": (gate("unsaid"), "APPROVED", "COMPLETED"),
    "gate denied": (gate("unsaid"), "DENIED", "FAILED"),
    "gate expired": (gate("unsaid"), "EXPIRED", "FAILED"),
    "check approved": (check("unsaid"), "APPROVED", "COMPLETED"),
}


@pytest.mark.parametrize(("asking", "decision", "state"), UNSAID.values(), ids=UNSAID)
async def test_a_decision_that_nobody_told_is_found_by_asking(
    shared: World, asking: pb.StepDefinition, decision: str, state: str
) -> None:
    shared.siblings.script.governance["unsaid"] = Verdict("REQUIRE_APPROVAL")
    run = await begin(shared, chain(asking))
    waiting = await shared.until_step(run.id, "unsaid", "WAITING")
    shared.siblings.approvals[waiting.approval_request_id].state = decision
    assert states(await shared.until_ended(run.id)) == {"unsaid": state}


async def test_whoever_is_still_at_work_is_asked_again_under_a_key_of_its_own(shared: World) -> None:
    shared.siblings.script.work["long"] = Work(held=True)
    run = await begin(shared, chain(agent("long")))
    objective_id = await at_work(shared, run.id, "long")

    def questions() -> list[str]:
        return [call.idempotency_key for call in asked(shared, run.id) if call.method == "objectives.Get"]

    await until_siblings(shared, lambda: len(questions()) == 2)
    assert len(set(questions())) == 2
    assert states(await shared.run(run.id)) == {"long": "RUNNING"}
    await shared.siblings.finish_objective(objective_id, Work({"at": "last"}))
    assert plain((await shared.until_ended(run.id)).output_payload) == {"at": "last"}


# --- a delegation goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_first", "then"),
    [("REJECTED", ""), ("FAILED", ""), ("TIMED_OUT", ""), ("ACCEPTED", "FAILED"), ("ACCEPTED", "TIMED_OUT")],
)
async def test_a_lost_delegation_fails_the_step_and_ends_the_objective(shared: World, at_first: str, then: str) -> None:
    shared.siblings.script.work["refused"] = Work(held=True, delegation=at_first, error_message="too busy")
    run = await begin(shared, chain(agent("refused", required_capability="lead.qualification")))
    handed = await shared.until(run.id, lambda run: bool(run.steps[0].delegation_id))
    if then:
        record = shared.siblings.delegations[handed.steps[0].delegation_id]
        record.status = agents_pb2.DelegationStatus.Value(f"DELEGATION_STATUS_{then}")
        record.error_message = "too busy"
    ended = await shared.until_ended(run.id)
    assert (states(ended), ended.steps[0].error_message) == ({"refused": "FAILED"}, "too busy")
    await until_cancelled(shared, ended.steps[0].objective_id)


# --- no sign of life ------------------------------------------------------------------------------------------------


async def test_an_agent_without_a_sign_of_life_loses_its_objective(shared: World) -> None:
    shared.siblings.script.work["dead"] = Work(held=True)
    run = await begin(shared, chain(agent("dead", config={"heartbeat_seconds": 1})))
    objective_id = await at_work(shared, run.id, "dead")
    ended = await shared.until_ended(run.id)
    assert found(ended, "dead").error_message == "the agent gave no sign of life in time"
    await until_cancelled(shared, objective_id)


async def test_a_sign_of_life_gains_time(shared: World) -> None:
    shared.siblings.script.work["slow"] = Work(held=True)
    watched = agent("slow", config={"heartbeat_seconds": 5})
    pause = step("pause", "WAIT_FOR_EVENT", {"timeout_action": "go on"}, timeout_seconds=1)
    run, clock = await begin(shared, chain(watched)), await begin(shared, chain(pause))
    objective_id = await at_work(shared, run.id, "slow")
    await shared.until_ended(clock.id)
    await told_of(shared, objective_id, "RUNNING")
    ended = await shared.until_ended(run.id)
    lived = ended.completed_at.ToDatetime() - ended.started_at.ToDatetime()
    assert states(ended) == {"slow": "FAILED"}
    assert lived.total_seconds() >= 6


# --- once more ------------------------------------------------------------------------------------------------------


async def test_the_backoff_grows_and_is_capped(shared: World) -> None:
    shared.siblings.script.work["stubborn"] = Work(failures=2)
    policy = pb.RetryPolicy(max_retries=2, backoff_seconds=1, backoff_multiplier=100)
    run = await begin(shared, chain(agent("stubborn", retry_policy=policy, config={"max_backoff_seconds": 1})))
    told = await shared.until_told(run.id, "run.completed")
    moments = {"started": list[datetime](), "retrying": list[datetime]()}
    for change in told:
        operation = change.type.rpartition(".")[2]
        if operation in moments and ".step." in change.type:
            moments[operation].append(datetime.fromisoformat(change.headers["ce-time"]))
    delays = [after - before for before, after in zip(moments["retrying"], moments["started"][1:], strict=True)]
    assert len(delays) == 2
    assert all(1 <= delay.total_seconds() < 10 for delay in delays)


async def test_a_reason_that_is_ruled_out_is_never_tried_again(shared: World) -> None:
    shared.siblings.script.work["hopeless"] = Work(failures=1)
    config = {"non_retryable": ["objective_failed"]}
    run = await begin(shared, chain(agent("hopeless", retry_policy=ONCE_MORE_SOON, config=config)))
    assert found(await shared.until_ended(run.id), "hopeless").retry_count == 0


async def test_a_failure_that_may_be_ignored_is_handed_on(shared: World) -> None:
    shared.siblings.script.work["optional"] = Work(failures=1, error_message="out of ideas")
    run = await begin(shared, chain(agent("optional", config={"on_failure": "continue"}), agent("next")))
    ended = await shared.until_ended(run.id)
    failure = {"error": {"reason": "objective_failed", "message": "out of ideas"}}
    assert states(ended) == {"optional": "COMPLETED", "next": "COMPLETED"}
    assert plain(found(ended, "next").input_payload) == failure
