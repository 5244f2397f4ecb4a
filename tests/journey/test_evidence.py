"""What is kept of decisions: our own record of every approval, and what governance rested its word on.

And that nobody decides what they asked for, whichever way the decision comes in.
"""

from datetime import datetime
from typing import Any

import pytest
from governance.v1.governance_pb2 import ActionContext, EvaluateActionRequest
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Ruling, Verdict
from tests.edge.edge import refused
from tests.journey.acting import Rows, asked, begin, found, plain, report, states, until_siblings
from tests.journey.graphs import chain, check, edge, gate, graph, task
from tests.world import World

CONTEXT = {
    "record_count": "size(input.rows)",
    "currency_amount": "input.amount",
    "currency_code": "'EUR'",
    "environment": "'production'",
    "data_classification": "input.rows.exists(row, row.secret) ? 'secret' : 'public'",
}


EVALUATE = "governance.EvaluateAction"


async def waiting(shared: World, run: pb.WorkflowRun) -> str:
    """The approval for which the run's first step waits."""
    return (await shared.until_step(run.id, run.steps[0].step_id, "WAITING")).approval_request_id


async def escalate(shared: World, run: pb.WorkflowRun, approval_id: str) -> None:
    before = len(await shared.until_told(run.id, "step.waiting"))
    await shared.siblings.decide_approval(approval_id, "ESCALATED", "user_manager", "ask the boss")
    await shared.told(run.id, before + 1)


async def evaluated(shared: World, run: pb.WorkflowRun, decision: str) -> None:
    """Says on the bus that governance has looked at the run's first step again."""
    payload = {"workflow_run_id": run.id, "workflow_step_id": run.steps[0].step_id, "decision": decision}
    change = {"@type": "type.googleapis.com/events.v1.Change", "aggregate_type": "governance_evaluation"}
    await shared.say("approvals.changes.governance_evaluation.made", {**change, "payload": payload})


# --- approvals -----------------------------------------------------------------------------------------------------


async def test_an_approval_is_on_record_from_its_request_to_its_decision(shared: World, rows: Rows) -> None:
    risky = gate("spend", agent_id="agent_sdr", risk_level="RISK_LEVEL_HIGH", timeout_seconds=3600)
    run = await begin(shared, chain(risky), {"amount": 9})
    approval_id = await waiting(shared, run)
    (record,) = await rows.of("approvals", run.id)
    asked_for = {"requested_by": "agent_sdr", "risk_level": "RISK_LEVEL_HIGH", "approval_request_id": approval_id}
    assert record == record | {**asked_for, "step_state": "WAITING", "decision": None, "decided_by": None}
    assert isinstance(record["requested_at"], datetime)
    assert (record["deadline_at"] - record["requested_at"]).total_seconds() == 3600
    await escalate(shared, run, approval_id)
    await shared.siblings.decide_approval(approval_id, "APPROVED", "user_boss", "once")
    await shared.until_ended(run.id)
    (record,) = await rows.of("approvals", run.id)
    decided = {"decision": "APPROVED", "decided_by": "user_boss", "comment": "once", "step_state": "COMPLETED"}
    assert record == record | {**asked_for, **decided}
    assert record["decided_at"] >= record["requested_at"]


async def test_an_escalation_is_on_record_and_decides_nothing(shared: World, rows: Rows) -> None:
    run = await begin(shared, chain(gate("raise")))
    approval_id = await waiting(shared, run)
    await escalate(shared, run, approval_id)
    (record,) = await rows.of("approvals", run.id)
    assert (record["decision"], record["comment"]) == ("ESCALATED", "ask the boss")
    assert states(await shared.run(run.id)) == {"raise": "WAITING"}


async def test_the_evidence_of_an_automatic_approval_is_kept(shared: World, rows: Rows) -> None:
    shared.siblings.script.approvals["habit"] = Ruling("AUTO_APPROVED", by="policy")
    run = await begin(shared, chain(gate("habit")))
    assert states(await shared.until_ended(run.id)) == {"habit": "COMPLETED"}
    (record,) = await rows.of("approvals", run.id)
    assert (record["decision"], record["decided_by"]) == ("AUTO_APPROVED", "policy")
    assert record["auto_approval"]["pattern"] == "habit"
    assert record["auto_approval"].keys() == {"pattern", "confidence", "observation_count", "threshold_applied"}


@pytest.mark.parametrize("decision", ["DENIED", "EXPIRED"])
async def test_what_closed_a_gate_is_on_record(shared: World, rows: Rows, decision: str) -> None:
    shared.siblings.script.approvals[f"closed-{decision}"] = Ruling(decision, by="user_boss", reason="not now")
    run = await begin(shared, chain(gate(f"closed-{decision}")))
    await shared.until_ended(run.id)
    (record,) = await rows.of("approvals", run.id)
    assert (record["decision"], record["decided_by"], record["comment"]) == (decision, "user_boss", "not now")


@pytest.mark.parametrize("kind", ["gate", "check"])
async def test_the_agent_that_asked_decides_nothing_on_the_bus_either(shared: World, rows: Rows, kind: str) -> None:
    shared.siblings.script.governance["own"] = Verdict("REQUIRE_APPROVAL")
    asking = gate("own", agent_id="agent_sdr") if kind == "gate" else check("own", agent_id="agent_sdr")
    run = await begin(shared, chain(asking))
    await shared.siblings.decide_approval(await waiting(shared, run), "APPROVED", "agent_sdr")
    ended = await shared.until_ended(run.id)
    assert found(ended, "own").error_message == "the agent that asked for it may not decide it"


@pytest.mark.parametrize("name", ["agent_sdr", "agent:agent_sdr"])
async def test_nor_does_it_as_the_initiator_of_the_run(shared: World, name: str) -> None:
    run = await begin(shared, chain(gate("initiated")), initiator_agent_id="agent_sdr")
    approval_id = await waiting(shared, run)
    error = await refused(report(shared, run.id, "initiated", "COMPLETED", agent_id=name))
    assert error.reason == "own_approval"
    await shared.siblings.decide_approval(approval_id, "APPROVED", name)
    assert states(await shared.until_ended(run.id)) == {"initiated": "FAILED"}


# --- governance ----------------------------------------------------------------------------------------------------


async def test_governance_hears_what_the_action_is_about(shared: World) -> None:
    weighed = check("weighed", agent_id="agent_sdr", config={"context": CONTEXT})
    payload: dict[str, Any] = {"rows": [{"secret": False}, {"secret": True}], "amount": 12.5}
    run = await begin(shared, chain(weighed), payload)
    await shared.until_ended(run.id)
    (call,) = asked(shared, run.id)
    request = EvaluateActionRequest.FromString(call.request)
    assert (request.agent_id, request.action_type) == ("agent_sdr", "weighed")
    assert request.context == ActionContext(
        record_count=2,
        currency_amount=12.5,
        currency_code="EUR",
        environment="production",
        data_classification="secret",
    )


async def test_what_governance_rested_its_word_on_is_kept(shared: World, rows: Rows) -> None:
    verdict = Verdict("ALLOW", "RISK_LEVEL_MEDIUM", reasons=("small",), matched_rules=("rule-7", "rule-9"))
    shared.siblings.script.governance["reasoned"] = verdict
    run = await begin(shared, chain(check("reasoned")))
    await shared.until_ended(run.id)
    assert (await rows.evidence(run.id, "reasoned"))["governance"] == {
        "decision": "ALLOW",
        "risk_level": "RISK_LEVEL_MEDIUM",
        "reasons": ["small"],
        "matched_rules": ["rule-7", "rule-9"],
    }


@pytest.mark.parametrize(("second", "state"), [("ALLOW", "COMPLETED"), ("DENY", "FAILED")])
async def test_governance_may_change_its_mind_while_an_approval_is_awaited(
    shared: World, second: str, state: str
) -> None:
    name = f"changed-{second.lower()}"
    shared.siblings.script.governance[name] = Verdict("REQUIRE_APPROVAL")
    run = await begin(shared, chain(check(name)))
    await waiting(shared, run)
    shared.siblings.script.governance[name] = Verdict(second, reasons=("on second thoughts",))
    await evaluated(shared, run, second)
    ended = await shared.until_ended(run.id)
    assert (states(ended), ended.steps[0].governance_decision) == ({name: state}, f"ACTION_DECISION_{second}")


async def test_what_the_bus_says_of_governance_is_only_a_hint(shared: World) -> None:
    shared.siblings.script.governance["hinted"] = Verdict("REQUIRE_APPROVAL")
    run = await begin(shared, chain(check("hinted")))
    approval_id = await waiting(shared, run)
    await evaluated(shared, run, "ALLOW")
    await until_siblings(shared, lambda: [call.method for call in asked(shared, run.id)].count(EVALUATE) == 2)
    await shared.siblings.decide_approval(approval_id, "DENIED", "user_boss", "no")
    assert states(await shared.until_ended(run.id)) == {"hinted": "FAILED"}
    assert [call.method for call in asked(shared, run.id)].count("approvals.RequestApproval") == 1


async def test_a_denial_that_is_routed_hands_its_input_on(shared: World) -> None:
    shared.siblings.script.governance["routed"] = Verdict("DENY", reasons=("too risky",))
    ways = edge("routed>yes", "decision == 'ALLOW'"), edge("routed>no", "decision == 'DENY'")
    steps = [check("routed", config={"on_denied": "route"}), task("yes"), task("no")]
    run = await begin(shared, graph(steps, *ways), {"n": 1})
    other = await shared.until_step(run.id, "no", "WAITING")
    assert plain(other.input_payload) == {"n": 1}
    assert plain(found(await shared.run(run.id), "routed").output_payload)["decision"] == "DENY"
