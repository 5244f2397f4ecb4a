"""APPROVAL_GATE and GOVERNANCE_CHECK: only the owner's word opens a gate, and no answer is never a yes.

How an approval ends and what governance says is scripted by the step's action type, which is its id here.
"""

import orjson
import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Ruling, Verdict
from tests.journey.acting import asked, begin, found, plain, states, until_siblings
from tests.journey.graphs import chain, check, edge, gate, graph, task
from tests.world import World, step_state

# --- APPROVAL_GATE -----------------------------------------------------------------------------------------------


async def test_an_approved_gate_hands_its_input_on(shared: World) -> None:
    risky = gate("spend", agent_id="agent_sdr", risk_level="RISK_LEVEL_HIGH", config={"approver_user_id": "user_cfo"})
    run = await begin(shared, chain(risky, task("after")), {"amount": 9})
    waiting = await shared.until_step(run.id, "spend", "WAITING")
    approval = shared.siblings.approvals[waiting.approval_request_id]
    assert (approval.request.approver_user_id, approval.request.agent_id) == ("user_cfo", "agent_sdr")
    assert orjson.loads(approval.request.action_payload) == {"amount": 9}
    await shared.siblings.decide_approval(waiting.approval_request_id, "APPROVED", "user_cfo", "go")
    after = await shared.until_step(run.id, "after", "WAITING")
    assert plain(after.input_payload) == {"amount": 9}
    output = plain(found(await shared.run(run.id), "spend").output_payload)
    assert output == {"decision": "APPROVED", "decided_by": "user_cfo", "reason": "go"}


@pytest.mark.parametrize("decision", ["DENIED", "EXPIRED"])
async def test_a_gate_that_was_not_approved_fails_the_run(shared: World, decision: str) -> None:
    shared.siblings.script.approvals[f"gate-{decision}"] = Ruling(decision, reason="not now")
    run = await begin(shared, chain(gate(f"gate-{decision}"), task("after")))
    ended = await shared.until_ended(run.id)
    assert ended.state == pb.WORKFLOW_STATE_FAILED
    assert step_state(ended, "after") == "PENDING"
    assert found(ended, f"gate-{decision}").error_message.startswith(decision.lower())


async def test_an_automatic_approval_is_confirmed_first(shared: World) -> None:
    shared.siblings.script.approvals["small-change"] = Ruling("AUTO_APPROVED", by="policy")
    run = await begin(shared, chain(gate("small-change")))
    assert (await shared.until_ended(run.id)).state == pb.WORKFLOW_STATE_COMPLETED
    assert "approvals.GetApproval" in [call.method for call in asked(shared, run.id)]


async def test_an_escalated_approval_keeps_waiting_and_a_forged_decision_opens_nothing(shared: World) -> None:
    run = await begin(shared, chain(gate("forged")))
    approval_id = (await shared.until_step(run.id, "forged", "WAITING")).approval_request_id
    forged = {"approval_request_id": approval_id, "decision": "DECISION_TYPE_APPROVED", "decided_by": "user_mallory"}
    forged["@type"] = "type.googleapis.com/approvals.v1.ApprovalDecision"
    await shared.say("approvals.events.decision.approved", forged)
    await until_siblings(shared, lambda: "approvals.GetApproval" in [call.method for call in asked(shared, run.id)])
    await shared.siblings.decide_approval(approval_id, "ESCALATED", "user_manager", "ask the boss")
    assert step_state(await shared.run(run.id), "forged") == "WAITING"
    await shared.siblings.decide_approval(approval_id, "DENIED", "user_boss", "no")
    ended = await shared.until_ended(run.id)
    assert found(ended, "forged").error_message == "denied by user_boss: no"


async def test_a_denied_gate_that_routes_takes_the_other_way(shared: World) -> None:
    shared.siblings.script.approvals["routed"] = Ruling("DENIED", reason="too much")
    ways = edge("routed>yes", "decision == 'APPROVED'"), edge("routed>no", "decision == 'DENIED'")
    run = await begin(shared, graph([gate("routed", config={"on_denied": "route"}), task("yes"), task("no")], *ways))
    await shared.until_step(run.id, "no", "WAITING")
    assert states(await shared.run(run.id)) == {"routed": "COMPLETED", "yes": "SKIPPED", "no": "WAITING"}


async def test_a_gate_never_opens_by_its_timeout(shared: World) -> None:
    run = await begin(shared, chain(gate("slow", timeout_seconds=1)))
    ended = await shared.until_ended(run.id)
    assert (ended.state, states(ended)) == (pb.WORKFLOW_STATE_FAILED, {"slow": "FAILED"})


# --- GOVERNANCE_CHECK --------------------------------------------------------------------------------------------


async def test_governance_that_allows_hands_the_input_on(shared: World) -> None:
    run = await begin(shared, chain(check("allowed"), task("after")), {"n": 1})
    after = await shared.until_step(run.id, "after", "WAITING")
    passed = found(await shared.run(run.id), "allowed")
    assert (passed.governance_decision, plain(passed.output_payload)) == ("ACTION_DECISION_ALLOW", {})
    assert plain(after.input_payload) == {"n": 1}


async def test_governance_that_denies_fails_the_run_with_reasons_and_rules(shared: World) -> None:
    shared.siblings.script.governance["forbidden"] = Verdict("DENY", reasons=("too risky",), matched_rules=("rule-7",))
    run = await begin(shared, chain(check("forbidden"), task("after")))
    ended = await shared.until_ended(run.id)
    denied = found(ended, "forbidden")
    assert (ended.state, denied.governance_decision) == (pb.WORKFLOW_STATE_FAILED, "ACTION_DECISION_DENY")
    assert "too risky" in denied.error_message
    assert "rule-7" in denied.error_message


@pytest.mark.parametrize(("decision", "state"), [("APPROVED", "COMPLETED"), ("DENIED", "FAILED")])
async def test_governance_that_wants_an_approval_follows_it(shared: World, decision: str, state: str) -> None:
    step_id = f"ask-{decision.lower()}"
    shared.siblings.script.governance[step_id] = Verdict("REQUIRE_APPROVAL")
    run = await begin(shared, chain(check(step_id)))
    waiting = await shared.until_step(run.id, step_id, "WAITING")
    assert waiting.governance_decision == "ACTION_DECISION_REQUIRE_APPROVAL"
    await shared.siblings.decide_approval(waiting.approval_request_id, decision, "user_manager", "because")
    assert states(await shared.until_ended(run.id)) == {step_id: state}


async def test_governance_that_cannot_be_reached_is_asked_again_and_never_taken_for_a_yes(shared: World) -> None:
    shared.siblings.add_fault(Fault("governance.EvaluateAction", "UNAVAILABLE", times=2))
    run = await begin(shared, chain(check("shaky")))
    assert (await shared.until_ended(run.id)).state == pb.WORKFLOW_STATE_COMPLETED
    calls = asked(shared, run.id)
    assert [call.outcome for call in calls] == ["UNAVAILABLE", "UNAVAILABLE", "ANSWERED"]
    assert len({(call.idempotency_key, call.request) for call in calls}) == 1
