"""APPROVAL_GATE: only its owner's word opens it, it keeps a record, and nobody decides what they asked for."""

from datetime import timedelta
from typing import Any

import pytest

from service.domain.answers import ApprovalRequested, ApprovalStatus
from service.domain.bus_event import ApprovalReport, BusEvent
from service.domain.calls import GetApproval, RequestApproval
from service.domain.commands import CancelRun, TransitionStep
from service.domain.decision import Accepted, Ignored
from service.domain.definition import Edge, RetryPolicy, StepType
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import NOW, Story, alone, event, step, version

DONE, FAILED = StepState.COMPLETED, StepState.FAILED


def gate(**fields: Any) -> Story:
    story = alone(step("g", StepType.APPROVAL_GATE, action_type="send", risk_level="RISK_LEVEL_HIGH", **fields))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    return story


def heard(said: str, event_id: str = "evt_1") -> BusEvent:
    return event(event_id, "approvals.events.decision.made", about=ApprovalReport("apr_1", said))


def confirm(story: Story, said: str, by: str = "mia", why: str = "") -> object:
    """The bus says it, and the approvals service is asked and says it too."""
    story.hear(heard(said, f"evt_{said}"))
    return story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", said, by, why))


# --- the main line ---------------------------------------------------------------------------------------------------


def test_a_gate_asks_waits_and_opens_only_on_the_owners_word() -> None:
    story = gate()
    assert story.states()["g"] == "WAITING"
    assert story["g"].approval_request_id == "apr_1"
    story.hear(heard("APPROVED"))
    assert story.states()["g"] == "WAITING"
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "APPROVED", "mia", "fine"))
    assert story["g"].output_payload == {"decision": "APPROVED", "decided_by": "mia", "reason": "fine"}
    assert story.run.output_payload == {"deal": 5}


def test_what_the_approver_reads() -> None:
    definition = step(
        "g",
        StepType.APPROVAL_GATE,
        action_type="send",
        risk_level="RISK_LEVEL_LOW",
        config={"approver_user_id": "mia", "input": {"value": "input.deal"}},
    )
    story = Story(version([definition]), {"deal": 5}, initiator_agent_id="agent_1", entity_id="ent_1")
    (call,) = story.calls(RequestApproval)
    assert (call.agent_id, call.approver_user_id, call.action_type) == ("agent_1", "mia", "send")
    assert (call.risk_level, call.payload) == ("RISK_LEVEL_LOW", {"value": 5.0})
    assert (call.context["run_id"], call.context["step_id"], call.context["attempt"]) == ("wfr_1", "g", 1)
    assert call.context["entity_id"] == "ent_1"


def test_a_decision_heard_twice_is_asked_for_twice_and_counts_once() -> None:
    story = gate()
    story.hear(heard("APPROVED", "evt_1"))
    story.hear(heard("APPROVED", "evt_2"))
    assert len(story.calls(GetApproval)) == 2
    first, second = story.owed
    story.answer(first, ApprovalStatus("apr_1", "APPROVED", "mia"))
    assert story.answer(second, ApprovalStatus("apr_1", "APPROVED", "mia")) == Ignored("attempt_over")


# --- not opening -----------------------------------------------------------------------------------------------------


def test_a_claimed_decision_that_the_owner_does_not_know_opens_nothing() -> None:
    story = gate()
    story.hear(heard("APPROVED"))
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "PENDING"))
    assert story.states()["g"] == "WAITING"
    assert story.last.audits[0].reason == "not_decided"


def test_a_word_that_is_no_decision_is_not_asked_about() -> None:
    story = gate()
    assert story.hear(heard("PENDING")) == Ignored("progress")
    assert story.calls(GetApproval) == []


@pytest.mark.parametrize(("said", "reason"), [("DENIED", "approval_denied"), ("EXPIRED", "approval_expired")])
def test_a_gate_that_is_not_passed_fails_the_run(said: str, reason: str) -> None:
    story = gate(retry_policy=RetryPolicy(3, 1, 1.0))
    confirm(story, said, "mia", "too risky")
    assert story["g"].error_reason == reason
    assert "mia: too risky" in story["g"].error_message
    assert story.state == "FAILED"


def test_a_timeout_never_approves() -> None:
    story = gate(timeout_seconds=60, retry_policy=RetryPolicy(3, 1, 1.0))
    story.wait(60)
    assert (story.state, story["g"].error_reason) == ("FAILED", "timed_out")


def test_an_escalation_keeps_waiting() -> None:
    story = gate()
    confirm(story, "ESCALATED", "mia", "ask the boss")
    assert story.states() == {"g": "WAITING"}
    told = story.told()
    story.hear(heard("ESCALATED", "evt_again"))
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "ESCALATED", "mia"))
    assert story.told() == told
    confirm(story, "APPROVED", "boss")
    assert story.state == "COMPLETED"


def test_auto_approval_is_a_claim_that_is_confirmed_first() -> None:
    story = alone(step("g", StepType.APPROVAL_GATE))
    evidence = {"pattern": "small deals", "confidence": 0.9}
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1", auto_approved=True, evidence=evidence))
    assert story.states()["g"] == "WAITING"
    story.answer("g/1/GetApproval/auto", ApprovalStatus("apr_1", "AUTO_APPROVED"))
    assert story.state == "COMPLETED"
    assert story["g"].output_payload["decision"] == "AUTO_APPROVED"
    assert story["g"].evidence["approval"]["auto_approval"] == evidence


def test_a_decision_after_a_cancel_opens_nothing() -> None:
    story = gate()
    story.hear(heard("APPROVED"))
    story.do(CancelRun("no"))
    approved = ApprovalStatus("apr_1", "APPROVED", "mia")
    assert story.answer(story.owing(GetApproval), approved) == Ignored("attempt_over")
    assert story.states() == {"g": "CANCELLED"}


# --- our own record --------------------------------------------------------------------------------------------------


def test_what_was_asked_and_decided_is_kept() -> None:
    story = gate(agent_id="agent_1")
    story.wait(5)
    confirm(story, "ESCALATED", "mia", "ask the boss")
    assert story["g"].evidence["approval"]["decision"] == "ESCALATED"
    assert story["g"].evidence["approval"]["comment"] == "ask the boss"
    story.wait(5)
    confirm(story, "APPROVED", "boss", "fine")
    assert story["g"].evidence["approval"] == {
        "requested_by": "agent_1",
        "risk_level": "RISK_LEVEL_HIGH",
        "requested_at": NOW.isoformat(),
        "decision": "APPROVED",
        "decided_by": "boss",
        "comment": "fine",
        "decided_at": (NOW + timedelta(seconds=10)).isoformat(),
    }


# --- who may decide --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [DONE, FAILED])
@pytest.mark.parametrize(("actor", "agent_id"), [("agent:agent_1", ""), ("agent_1", ""), ("user:mia", "agent_1")])
def test_no_agent_reports_on_what_it_asked_for(state: StepState, actor: str, agent_id: str) -> None:
    story = gate(agent_id="agent_1")
    verdict = story.do(TransitionStep("g", state, agent_id=agent_id), actor=actor)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "own_approval"
    assert story.states() == {"g": "WAITING"}


@pytest.mark.parametrize("by", ["agent_1", "agent:agent_1"])
def test_no_agent_is_confirmed_to_have_approved_what_it_asked_for(by: str) -> None:
    story = gate(agent_id="agent_1", config={"on_denied": "route"})
    confirm(story, "APPROVED", by)
    assert (story.state, story["g"].error_reason) == ("FAILED", "own_approval")


def test_the_runs_initiator_asks_where_the_step_names_nobody() -> None:
    story = Story(version([step("g", StepType.APPROVAL_GATE)]), initiator_agent_id="agent_7")
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    assert isinstance(story.do(TransitionStep("g", DONE), actor="agent:agent_7"), Refusal)
    assert isinstance(story.do(TransitionStep("g", DONE), actor="agent:agent_8"), Accepted)


def test_a_person_may_decide_by_report() -> None:
    story = gate(agent_id="agent_1")
    assert isinstance(story.do(TransitionStep("g", DONE), actor="user:mia"), Accepted)
    assert story["g"].output_payload == {"decision": "APPROVED", "decided_by": "user:mia", "reason": ""}
    denied = gate()
    denied.report("g", FAILED, error_message="too risky")
    assert (denied.state, denied["g"].error_reason) == ("FAILED", "approval_denied")
    assert "too risky" in denied["g"].error_message


# --- routing ---------------------------------------------------------------------------------------------------------


def test_a_denial_can_be_routed() -> None:
    drawn = version(
        [step("g", StepType.APPROVAL_GATE, config={"on_denied": "route"}), step("yes"), step("no")],
        (Edge("g", "yes", "decision == 'APPROVED'"), Edge("g", "no", "decision == 'DENIED'")),
    )
    story = Story(drawn)
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    story.report("g", FAILED, error_message="no")
    assert (story["yes"].state, story["no"].state) == (StepState.SKIPPED, StepState.WAITING)


def test_a_timeout_is_not_routed() -> None:
    story = gate(timeout_seconds=60, config={"on_denied": "route"})
    story.wait(60)
    assert story.state == "FAILED"


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"decision": "DENIED"}, "output_payload.decision"),
        ({"decided_by": ["agent_1"]}, "output_payload.decided_by"),
        ({"decided_by": " "}, "output_payload.decided_by"),
    ],
)
def test_what_a_report_says_must_be_what_it_is(output: dict[str, Any], path: str) -> None:
    story = alone(step("g", StepType.APPROVAL_GATE))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    refused = story.report("g", StepState.COMPLETED, output_payload=output)
    assert isinstance(refused, Refusal)
    assert [violation.path for violation in refused.violations] == [path]


@pytest.mark.parametrize("name", ["agent_1 ", "AGENT_1", "agent:agent_1", "user:agent_1"])
def test_the_asker_is_known_however_it_is_written(name: str) -> None:
    story = alone(step("g", StepType.APPROVAL_GATE, agent_id="agent_1"))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    refused = story.do(TransitionStep("g", StepState.COMPLETED, output_payload={"decided_by": name}), actor="anonymous")
    assert isinstance(refused, Refusal)
    assert refused.reason == "own_approval"
