"""AGENT_ACTION over gRPC and the bus: agents given and found, outcomes heard and reported, retries, timeouts.

What becomes of an objective is scripted by the step's action type, which is its id here.
"""

import orjson
from objectives.v1 import objectives_pb2
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Work
from tests.journey.acting import asked, begin, found, plain, report, states, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, task
from tests.world import WORKSPACE, World


async def test_an_agent_given_by_id_works_on_an_objective(shared: World) -> None:
    shared.siblings.script.work["by-id"] = Work({"answer": 42}, cost_usd=0.5)
    run = await begin(shared, chain(agent("by-id", name="Look it up")), {"question": "why"})
    ended = await shared.until_ended(run.id)
    (done,) = ended.steps
    assert states(ended) == {"by-id": "COMPLETED"}
    assert plain(ended.output_payload) == plain(done.output_payload) == {"answer": 42}
    assert (done.agent_id, done.cost_usd, ended.total_cost_usd) == ("agent_research", 0.5, 0.5)
    objective = shared.siblings.objectives[done.objective_id]
    assert (objective.title, objective.agent_id, objective.surface) == ("Look it up", "agent_research", "workflows")
    assert objective.workspace_id == WORKSPACE
    *_, context, marker = objective.description.splitlines()
    assert orjson.loads(context)["input"] == {"question": "why"}
    assert marker == f"{run.id}/by-id/1"


async def test_an_agent_found_by_capability_gets_the_objective_delegated(shared: World) -> None:
    shared.siblings.script.work["by-capability"] = Work(held=True)
    routed = agent("by-capability", required_capability="lead.qualification")
    run = await begin(shared, chain(routed), {"lead": "dana"}, initiator_agent_id="agent_sdr")
    handed = await shared.until(run.id, lambda run: bool(run.steps[0].delegation_id))
    (at_work,) = handed.steps
    assert at_work.agent_id == "agent_qualifier"
    delegation = shared.siblings.delegations[at_work.delegation_id]
    assert (delegation.from_agent_id, delegation.to_agent_id) == ("agent_sdr", "agent_qualifier")
    assert (delegation.workflow_run_id, delegation.objective_id) == (run.id, at_work.objective_id)
    assert orjson.loads(delegation.context_payload) == {"lead": "dana"}
    await shared.siblings.finish_objective(at_work.objective_id, Work({"qualified": True}))
    assert plain((await shared.until_ended(run.id)).output_payload) == {"qualified": True}


async def test_a_capability_that_nobody_has_fails_the_step(shared: World) -> None:
    run = await begin(shared, chain(agent("nobody", required_capability="juggling.chainsaws")))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert "juggling.chainsaws" in found(ended, "nobody").error_message


async def test_a_failed_objective_is_tried_again_after_the_backoff_and_costs_add_up(shared: World) -> None:
    shared.siblings.script.work["second-try"] = Work({"ok": True}, cost_usd=0.25, failures=1, error_message="tired")
    run = await begin(shared, chain(agent("second-try", retry_policy=ONCE_MORE_SOON)))
    resting = await shared.until(run.id, lambda run: found(run, "second-try").retry_count == 1)
    assert states(resting) == {"second-try": "PENDING"}
    assert found(resting, "second-try").error_message == "tired"
    ended = await shared.until_ended(run.id)
    (done,) = ended.steps
    assert (states(ended), done.retry_count, done.cost_usd) == ({"second-try": "COMPLETED"}, 1, 0.5)
    told = await shared.until_told(run.id, "run.completed")
    at = {change.type.rpartition(".")[2]: change.headers["ce-time"] for change in told}
    assert at["started"] > at["retrying"]
    markers = [each.description.splitlines()[-1] for each in shared.siblings.objectives.values()]
    assert {f"{run.id}/second-try/1", f"{run.id}/second-try/2"} <= set(markers)


async def test_an_objective_that_fails_once_too_often_fails_the_run(shared: World) -> None:
    shared.siblings.script.work["hopeless"] = Work(failures=99, error_message="cannot")
    run = await begin(shared, chain(agent("hopeless", retry_policy=ONCE_MORE_SOON), task("never")))
    ended = await shared.until_ended(run.id)
    assert (ended.state, states(ended)) == (pb.WORKFLOW_STATE_FAILED, {"hopeless": "FAILED", "never": "PENDING"})
    assert (found(ended, "hopeless").error_message, found(ended, "hopeless").retry_count) == ("cannot", 1)


async def test_a_cancelled_objective_is_never_tried_again(shared: World) -> None:
    shared.siblings.script.work["called-off"] = Work(state="CANCELLED")
    run = await begin(shared, chain(agent("called-off", retry_policy=ONCE_MORE_SOON)))
    ended = await shared.until_ended(run.id)
    assert (ended.state, found(ended, "called-off").retry_count) == (pb.WORKFLOW_STATE_FAILED, 0)


async def test_an_attempt_that_times_out_has_its_objective_cancelled(shared: World) -> None:
    shared.siblings.script.work["endless"] = Work(held=True)
    run = await begin(shared, chain(agent("endless", timeout_seconds=3)))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert "timeout" in found(ended, "endless").error_message
    objective = shared.siblings.objectives[found(ended, "endless").objective_id]
    await until_siblings(shared, lambda: objective.state == objectives_pb2.OBJECTIVE_STATE_CANCELLED)


async def test_an_outcome_before_the_creation_was_answered_counts(shared: World) -> None:
    """The answer of the creation is lost, the objective completes meanwhile; then it is looked for and found."""
    shared.siblings.script.work["early-bird"] = Work({"worm": 1})
    shared.siblings.add_fault(Fault("objectives.Create", "UNAVAILABLE", after_effect=True))
    run = await begin(shared, chain(agent("early-bird")))
    ended = await shared.until_ended(run.id)
    assert plain(ended.output_payload) == {"worm": 1}
    assert [call.outcome for call in asked(shared, run.id)] == ["UNAVAILABLE"]
    assert any(call.method == "objectives.Query" for call in shared.siblings.calls)


async def test_a_result_reported_by_the_agent_itself_counts(shared: World) -> None:
    shared.siblings.script.work["reported"] = Work(held=True)
    run = await begin(shared, chain(agent("reported")))
    open_ = await shared.until(run.id, lambda run: bool(found(run, "reported").objective_id))
    objective_id = found(open_, "reported").objective_id
    said = {"objective_id": objective_id, "output": {"by": "rpc"}, "cost_usd": 0.75}
    answer = await report(shared, run.id, "reported", "COMPLETED", **said)
    assert answer.run.state == pb.WORKFLOW_STATE_COMPLETED
    assert (plain(answer.step.output_payload), answer.step.cost_usd) == ({"by": "rpc"}, 0.75)


async def test_what_was_asked_for_a_step_that_completed_meanwhile_is_still_noted(shared: World) -> None:
    """The agent reports before the creation's answer comes through: the objective belongs to the step all the same."""
    shared.siblings.script.work["quick"] = Work(held=True)
    shared.siblings.add_fault(Fault("objectives.Create", "UNAVAILABLE", after_effect=True))
    run = await begin(shared, chain(agent("quick"), task("after")))
    await until_siblings(shared, lambda: bool(asked(shared, run.id)))
    await report(shared, run.id, "quick", "COMPLETED", output={"n": 1})
    linked = await shared.until(run.id, lambda run: bool(found(run, "quick").objective_id))
    assert found(linked, "quick").objective_id in shared.siblings.objectives
    assert states(linked) == {"quick": "COMPLETED", "after": "WAITING"}
