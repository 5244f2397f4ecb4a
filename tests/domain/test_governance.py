"""GOVERNANCE_CHECK: allow, deny, or a person's approval first; and governance may change its mind meanwhile."""

from typing import Any

import pytest

from service.domain.answers import ActionEvaluated, ApprovalRequested, ApprovalStatus
from service.domain.bus_event import ApprovalReport, BusEvent, GovernanceReport
from service.domain.calls import EvaluateAction, GetApproval, RequestApproval
from service.domain.commands import RetryStep
from service.domain.decision import Accepted, Ignored
from service.domain.definition import Edge, RetryPolicy, StepType
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import BAD, DOWN, NO, Story, alone, event, step, version


def check(**fields: Any) -> Story:
    return alone(step("c", StepType.GOVERNANCE_CHECK, action_type="send", **fields))


def asked(**fields: Any) -> Story:
    """Governance wants an approval, and that is waited for."""
    story = check(**fields)
    story.answer("c/1/EvaluateAction", ActionEvaluated("REQUIRE_APPROVAL", "RISK_LEVEL_HIGH", ("large",)))
    story.answer("c/1/RequestApproval", ApprovalRequested("apr_1"))
    return story


def reevaluated(said: str = "ALLOW", event_id: str = "evt_1") -> BusEvent:
    kind = "governance.events.action.evaluated"
    return event(event_id, kind, about=GovernanceReport("wfr_1", "c", said))


# --- one evaluation --------------------------------------------------------------------------------------------------


def test_what_governance_is_told() -> None:
    context = {"record_count": "1 + 1", "currency_amount": "input.deal * 2.0"}
    story = check(config={"context": context})
    assert story.calls(EvaluateAction) == [
        EvaluateAction("", "send", {"deal": 5}, {"record_count": 2, "currency_amount": 10.0})
    ]


def test_allow_hands_the_input_on_and_keeps_why() -> None:
    story = check()
    story.answer("c/1/EvaluateAction", ActionEvaluated("ALLOW", "RISK_LEVEL_LOW", ("fine",), ("rule-1",)))
    assert story["c"].governance_decision == "ACTION_DECISION_ALLOW"
    assert (story["c"].output_payload, story.run.output_payload) == ({}, {"deal": 5})
    assert story["c"].evidence["governance"] == {
        "decision": "ALLOW",
        "risk_level": "RISK_LEVEL_LOW",
        "reasons": ["fine"],
        "matched_rules": ["rule-1"],
    }


def test_deny_says_why() -> None:
    story = check(retry_policy=RetryPolicy(3, 1, 1.0))
    story.answer("c/1/EvaluateAction", ActionEvaluated("DENY", "RISK_LEVEL_HIGH", ("too many",), ("rule-7",)))
    assert (story.state, story["c"].error_reason) == ("FAILED", "governance_denied")
    assert "too many (rule-7)" in story["c"].error_message


def test_deny_can_be_routed() -> None:
    drawn = version(
        [step("c", StepType.GOVERNANCE_CHECK, config={"on_denied": "route"}), step("yes"), step("no")],
        (Edge("c", "yes", "decision == 'ALLOW'"), Edge("c", "no", "decision == 'DENY'")),
    )
    for said, way in (("ALLOW", "yes"), ("DENY", "no")):
        story = Story(drawn)
        story.answer("c/1/EvaluateAction", ActionEvaluated(said))
        assert story[way].state is StepState.WAITING


def test_no_answer_is_never_allow() -> None:
    story = check(timeout_seconds=60)
    story.fault("c/1/EvaluateAction", DOWN)
    assert story.states()["c"] == "RUNNING"
    story.wait(60)
    assert (story.state, story["c"].error_reason) == ("FAILED", "timed_out")


@pytest.mark.parametrize("fault", [NO, BAD])
def test_a_fault_is_never_allow(fault: object) -> None:
    story = check(config={"on_denied": "route"})
    story.fault("c/1/EvaluateAction", fault)  # type: ignore[arg-type]
    assert story.state == "FAILED"


def test_a_word_that_is_no_decision_is_never_allow() -> None:
    story = check()
    story.answer("c/1/EvaluateAction", ActionEvaluated("UNSPECIFIED"))
    assert story.state == "FAILED"


def test_a_context_that_cannot_be_evaluated_fails_the_step() -> None:
    story = check(config={"context": {"record_count": "input.no.such"}})
    assert (story.state, story["c"].error_reason) == ("FAILED", "condition_error")


# --- the approval that it wants --------------------------------------------------------------------------------------


def test_an_approval_that_governance_wants_is_asked_for_and_waited_for() -> None:
    story = asked()
    assert story.states()["c"] == "WAITING"
    assert [call.action_type for call in story.calls(RequestApproval)] == ["send"]
    assert set(story["c"].evidence) == {"governance", "approval"}
    decided = event("evt_1", "approvals.events.decision.made", about=ApprovalReport("apr_1", "APPROVED"))
    story.hear(decided)
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "APPROVED", "mia"))
    assert (story.state, story.run.output_payload) == ("COMPLETED", {"deal": 5})
    assert story["c"].evidence["approval"]["decided_by"] == "mia"


def test_an_approval_that_is_denied_fails_the_check() -> None:
    story = asked()
    story.report("c", StepState.FAILED, error_message="no")
    assert (story.state, story["c"].error_reason) == ("FAILED", "approval_denied")


def test_nobody_reports_what_governance_says() -> None:
    story = check()
    for state in (StepState.COMPLETED, StepState.FAILED):
        verdict = story.report("c", state)
        assert isinstance(verdict, Refusal)
        assert verdict.reason == "report_not_taken"
    assert story.states() == {"c": "RUNNING"}
    waiting = asked()
    assert isinstance(waiting.report("c", StepState.COMPLETED), Accepted)
    assert waiting.state == "COMPLETED"


def test_the_agent_that_asked_does_not_approve() -> None:
    story = asked(agent_id="agent_1")
    verdict = story.report("c", StepState.COMPLETED, agent_id="agent_1")
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "own_approval"


# --- governance speaks again -----------------------------------------------------------------------------------------


def test_a_check_is_addressed_by_its_run_and_step() -> None:
    story = check()
    assert [(wait.step_id, wait.address) for wait in story.last.opened] == [("c", "governance:wfr_1/c")]


@pytest.mark.parametrize(("said", "state"), [("ALLOW", "COMPLETED"), ("DENY", "FAILED")])
def test_what_is_heard_while_waiting_is_asked_for_anew_and_counts(said: str, state: str) -> None:
    story = asked()
    story.hear(reevaluated(said))
    assert story.states() == {"c": "WAITING"}
    story.answer(story.owing(EvaluateAction), ActionEvaluated(said))
    assert story.state == state


def test_the_bus_alone_allows_nothing() -> None:
    story = asked()
    story.hear(reevaluated("ALLOW"))
    story.answer(story.owing(EvaluateAction), ActionEvaluated("REQUIRE_APPROVAL"))
    assert story.states() == {"c": "WAITING"}
    assert len(story.calls(RequestApproval)) == 1


def test_two_evaluations_at_once_count_once() -> None:
    story = check()
    story.hear(reevaluated())
    first, second = [effect_id for effect_id in story.owed if "EvaluateAction" in effect_id]
    story.answer(first, ActionEvaluated("ALLOW"))
    assert story.answer(second, ActionEvaluated("DENY")) == Ignored("attempt_over")
    assert story.state == "COMPLETED"


def test_an_approval_of_an_earlier_attempt_is_not_taken_for_the_next_ones() -> None:
    story = alone(step("c", StepType.GOVERNANCE_CHECK))
    story.answer("c/1/EvaluateAction", ActionEvaluated("REQUIRE_APPROVAL"))
    story.answer("c/1/RequestApproval", ApprovalRequested("apr_1"))
    story.report("c", StepState.FAILED, error_message="no")
    story.do(RetryStep("c", "ask again"))
    story.answer("c/2/EvaluateAction", ActionEvaluated("REQUIRE_APPROVAL"))
    assert "c/2/RequestApproval" in story.owed
