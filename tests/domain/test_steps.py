"""Each step type on its main line, and every way it ends."""

from datetime import timedelta
from decimal import Decimal

import pytest

from service.domain.commands import ApprovalReport, EffectFailed
from service.domain.decision import Accepted, Ignored, Repeated
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType
from service.domain.effects import (
    ActionEvaluated,
    Answer,
    ApprovalRequested,
    ApprovalStatus,
    CancelObjective,
    CreateObjective,
    Delegated,
    EvaluateAction,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCreated,
    Owed,
    PrepareObjective,
    RequestApproval,
    SendNotification,
)
from service.domain.errors import Refusal
from service.domain.state import RunState, StepState
from tests.builders import Story, agent, edges, event, step, version

DOWN = Fault(FaultKind.TRANSPORT, "unavailable", "nobody there")
NO = Fault(FaultKind.FAILED, "not_found", "no such agent")
BAD = Fault(FaultKind.REJECTED, "invalid", "malformed")


def alone(definition: StepDefinition, **fields: object) -> Story:
    return Story(version([definition], **fields), {"deal": 5})  # type: ignore[arg-type]


# --- agent action ----------------------------------------------------------------------------------------------------


def test_an_objective_is_created_linked_and_completed() -> None:
    story = alone(agent("a", action_type="do.it"))
    story.prepare("a")
    call = story.owed["a/1/CreateObjective"].call
    assert isinstance(call, CreateObjective)
    assert (call.agent_id, call.marker) == ("agent_1", "wfr_1/a/1")
    assert '"action_type":"do.it"' in call.description
    story.link("a", "obj_1")
    assert story["a"].objective_id == "obj_1"
    story.objective("a", "RUNNING")
    assert story.last.verdicts == (Ignored("progress"),)
    story.objective("a", "COMPLETED", "0.034", score=9)
    assert story["a"].output_payload == {"score": 9}
    assert (story["a"].cost_usd, story.run.total_cost_usd) == (Decimal("0.034"), Decimal("0.034"))
    assert story.state == "COMPLETED"
    assert story.owed == {}


def test_an_agent_is_found_by_capability_and_delegated_to() -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell"))
    assert story.owed["a/1/PrepareObjective"].call == PrepareObjective("", "sell", "", "")
    story.link("a", "obj_1", "agent_9")
    story.answer("a/1/Delegate", Delegated("del_1"))
    assert (story["a"].agent_id, story["a"].objective_id, story["a"].delegation_id) == ("agent_9", "obj_1", "del_1")


def test_a_failed_objective_is_tried_again_after_the_backoff() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(2, 30, 2.0)))
    for attempt, delay in ((1, 30), (2, 60)):
        story.link("a", f"obj_{attempt}")
        story.objective("a", "FAILED", "0.01")
        retry_at = story["a"].retry_at
        assert retry_at is not None
        assert timedelta(seconds=delay) <= retry_at - story.now <= timedelta(seconds=delay * 1.1)
        story.wait(delay - 1)
        assert story.states()["a"] == "PENDING"
        story.wait(delay * 0.1 + 1)
        assert story.states()["a"] == "RUNNING"
    assert story["a"].retry_count == 2
    story.link("a", "obj_3")
    story.objective("a", "FAILED", "0.01")
    assert story.state == "FAILED"
    assert story.run.total_cost_usd == Decimal("0.03")


def test_a_cancelled_objective_is_final() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(2, 30, 2.0)))
    story.link("a", "obj_1")
    story.objective("a", "CANCELLED")
    assert story["a"].error_reason == "objective_cancelled"
    assert story.state == "FAILED"


def test_a_timed_out_attempt_is_cancelled_and_tried_again() -> None:
    story = alone(agent("a", timeout_seconds=60, retry_policy=RetryPolicy(1, 5, 1.0)))
    story.link("a", "obj_1")
    story.wait(59)
    assert story.states()["a"] == "RUNNING"
    story.wait(1)
    assert story.states()["a"] == "PENDING"
    assert [effect.call for effect in story.owed.values()] == [CancelObjective("obj_1", "the attempt timed out")]


def test_an_objective_created_for_an_abandoned_attempt_is_cancelled() -> None:
    story = alone(agent("a", timeout_seconds=60))
    story.prepare("a")
    late = story.owes("a/1/CreateObjective")
    story.wait(60)
    assert story.state == "FAILED"
    story.owed["a/1/CreateObjective"] = story.owed.get("a/1/CreateObjective") or story.events  # type: ignore[assignment]
    from service.domain.commands import EffectSucceeded

    story.do(EffectSucceeded(late, ObjectiveCreated("obj_late", "agent_1")))
    assert CancelObjective("obj_late", "the attempt was given up") in [effect.call for effect in story.last.owed]


def test_a_late_cost_is_added_and_a_late_outcome_is_not() -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    story.objective("a", "COMPLETED", "0.01")
    story.objective("a", "FAILED", "0.02")
    assert story.states()["a"] == "COMPLETED"
    assert story.run.total_cost_usd == Decimal("0.02")
    assert story.told()[-1] == "a.updated"


@pytest.mark.parametrize(("tries", "delay"), [(0, 0.2), (3, 1.6), (20, 60.0)])
def test_a_transport_fault_is_tried_again_and_uses_no_retry(tries: int, delay: float) -> None:
    story = alone(agent("a"))
    story.fault("a/1/PrepareObjective", DOWN, tries)
    assert story.last.postponed[0].delay_seconds == delay
    assert story["a"].retry_count == 0
    assert story.events == [*story.events]
    assert story.last.events == ()


def test_a_sibling_that_says_no_fails_the_attempt_and_one_that_rejects_fails_for_good() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(1, 5, 1.0)))
    story.fault("a/1/PrepareObjective", NO)
    assert story.states()["a"] == "PENDING"
    story.wait(6)
    story.fault("a/2/PrepareObjective", BAD)
    assert story["a"].error_message == "malformed"
    assert story.state == "FAILED"


def test_reasons_listed_as_non_retryable_are_final() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(5, 5, 1.0), config={"non_retryable": ["not_found"]}))
    story.fault("a/1/PrepareObjective", NO)
    assert story.state == "FAILED"


# --- gates -----------------------------------------------------------------------------------------------------------


def gate(**fields: object) -> Story:
    story = alone(step("g", StepType.APPROVAL_GATE, action_type="send", risk_level="RISK_LEVEL_HIGH", **fields))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    return story


def decision(said: str, event_id: str = "evt_1") -> object:
    return event(event_id, "approvals.events.decision.made", about=ApprovalReport("apr_1", said))


def test_a_gate_asks_waits_and_opens_only_on_the_owners_word() -> None:
    story = gate()
    assert story.states()["g"] == "WAITING"
    assert story["g"].approval_request_id == "apr_1"
    story.hear(decision("APPROVED"))  # type: ignore[arg-type]
    assert story.states()["g"] == "WAITING"
    (effect_id,) = story.owed
    story.answer(effect_id, ApprovalStatus("apr_1", "APPROVED", "mia", "fine"))
    assert story["g"].output_payload == {"decision": "APPROVED", "decided_by": "mia", "reason": "fine"}
    assert story.run.output_payload == {"deal": 5}


def test_a_claimed_decision_that_the_owner_does_not_know_opens_nothing() -> None:
    story = gate()
    story.hear(decision("APPROVED"))  # type: ignore[arg-type]
    (effect_id,) = story.owed
    assert story.answer(effect_id, ApprovalStatus("apr_1", "PENDING")) == Ignored("not_decided")
    assert story.states()["g"] == "WAITING"
    assert story.last.audits[0].reason == "not_decided"


@pytest.mark.parametrize(("said", "reason"), [("DENIED", "approval_denied"), ("EXPIRED", "approval_expired")])
def test_a_gate_that_is_not_passed_fails_the_run(said: str, reason: str) -> None:
    story = gate(retry_policy=RetryPolicy(3, 1, 1.0))
    story.hear(decision(said))  # type: ignore[arg-type]
    (effect_id,) = story.owed
    story.answer(effect_id, ApprovalStatus("apr_1", said, "mia", "too risky"))
    assert story["g"].error_reason == reason
    assert "mia: too risky" in story["g"].error_message
    assert story.state == "FAILED"


def test_an_escalation_keeps_waiting_and_a_timeout_never_approves() -> None:
    story = gate(timeout_seconds=60)
    story.hear(decision("ESCALATED"))  # type: ignore[arg-type]
    (effect_id,) = story.owed
    story.answer(effect_id, ApprovalStatus("apr_1", "ESCALATED", "mia", "ask the boss"))
    assert story["g"].evidence["approval"]["decision"] == "ESCALATED"
    assert story.states()["g"] == "WAITING"
    story.wait(60)
    assert story["g"].error_reason == "timed_out"


def test_auto_approval_is_confirmed_first() -> None:
    story = alone(step("g", StepType.APPROVAL_GATE))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1", auto_approved=True))
    assert story.states()["g"] == "WAITING"
    story.answer("g/1/GetApproval/auto", ApprovalStatus("apr_1", "AUTO_APPROVED"))
    assert story.state == "COMPLETED"


def test_no_agent_approves_what_it_asked_for() -> None:
    story = gate(agent_id="agent_1")
    from service.domain.commands import TransitionStep

    verdict = story.do(TransitionStep("g", StepState.COMPLETED), actor="agent:agent_1")
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "own_approval"
    assert isinstance(story.do(TransitionStep("g", StepState.COMPLETED), actor="user:mia"), Accepted)
    assert story["g"].output_payload["decided_by"] == "user:mia"


def test_a_denial_can_be_routed() -> None:
    drawn = version(
        [step("g", StepType.APPROVAL_GATE, config={"on_denied": "route"}), step("yes"), step("no")],
        (Edge("g", "yes", "decision == 'APPROVED'"), Edge("g", "no", "decision == 'DENIED'")),
    )
    story = Story(drawn)
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    story.report("g", StepState.FAILED, error_message="no")
    assert (story["yes"].state, story["no"].state) == (StepState.SKIPPED, StepState.WAITING)


def test_governance_allows_denies_or_wants_an_approval() -> None:
    check = step("c", StepType.GOVERNANCE_CHECK, action_type="send", config={"context": {"record_count": "1 + 1"}})
    allowed = alone(check)
    call = allowed.owed["c/1/EvaluateAction"].call
    assert call == EvaluateAction("", "send", {"deal": 5}, {"record_count": 2})
    allowed.answer("c/1/EvaluateAction", ActionEvaluated("ALLOW", "RISK_LEVEL_LOW", ("fine",)))
    assert allowed["c"].governance_decision == "ACTION_DECISION_ALLOW"
    assert allowed.run.output_payload == {"deal": 5}
    denied = alone(check)
    denied.answer("c/1/EvaluateAction", ActionEvaluated("DENY", "RISK_LEVEL_HIGH", ("too many",), ("rule-7",)))
    assert "too many" in denied["c"].error_message
    assert "rule-7" in denied["c"].error_message
    asked = alone(check)
    asked.answer("c/1/EvaluateAction", ActionEvaluated("REQUIRE_APPROVAL"))
    assert isinstance(asked.owed["c/1/RequestApproval"].call, RequestApproval)
    asked.answer("c/1/RequestApproval", ApprovalRequested("apr_1"))
    assert asked.states()["c"] == "WAITING"
    asked.hear(decision("APPROVED"))  # type: ignore[arg-type]
    (effect_id,) = asked.owed
    asked.answer(effect_id, ApprovalStatus("apr_1", "APPROVED"))
    assert asked.state == "COMPLETED"


def test_governance_that_does_not_answer_is_never_allow() -> None:
    story = alone(step("c", StepType.GOVERNANCE_CHECK, timeout_seconds=60))
    story.fault("c/1/EvaluateAction", DOWN)
    assert story.states()["c"] == "RUNNING"
    story.wait(60)
    assert story.state == "FAILED"


# --- waits, notifications, tasks -------------------------------------------------------------------------------------


def test_a_wait_takes_the_event_that_matches_once() -> None:
    wait = step(
        "w", StepType.WAIT_FOR_EVENT, event_type_pattern="mail.*.received", config={"filter_expr": "score > 3.0"}
    )
    story = alone(wait)
    assert [(opened.step_id, opened.address) for opened in story.last.opened] == [("w", "event:mail.*.received")]
    assert story.hear(event("e1", "mail.in.sent", payload={"score": 9})) == Ignored("not_awaited")
    assert story.hear(event("e2", "mail.in.received", payload={"score": 1})) == Ignored("no_match")
    assert story.hear(event("e3", "mail.in.received", payload={})) == Ignored("filter_error")
    story.hear(event("e4", "mail.in.received", payload={"score": 4}))
    assert (story["w"].event_id, story["w"].output_payload) == ("e4", {"score": 4})
    assert [(closed.step_id, closed.address) for closed in story.last.closed] == [("w", "event:mail.*.received")]


def test_the_event_that_started_a_run_does_not_answer_its_waits() -> None:
    story = Story(version([step("w", StepType.WAIT_FOR_EVENT, event_type_pattern=">")]), trigger_event_id="e1")
    assert story.hear(event("e1", "anything")) == Ignored("own_trigger")


def test_an_event_counts_once_even_when_it_is_delivered_twice() -> None:
    from service.domain.decide import decide
    from service.domain.decision import Seen

    story = alone(step("w", StepType.WAIT_FOR_EVENT, event_type_pattern=">"))
    before = story.run
    story.hear(event("e1", "x"))
    assert [guard.cause for guard in story.last.guards] == ["event:tests/e1"]
    from service.domain.commands import Envelope, EventArrived
    from service.domain.effects import Owed

    again = EventArrived(Owed("deliver/2", "", 0, "Deliver", 1), event("e1", "x"), story.now)
    envelope = Envelope(again, "event:tests", "event:tests/e1", guarded=True)
    repeated = decide(story.plan, before, [envelope], story.now, {"event:tests/e1": Seen(b"", 3)})
    assert repeated.verdicts == (Repeated(3),)
    assert [effect.id for effect in repeated.settled] == ["deliver/2"]


@pytest.mark.parametrize("pattern", ["", "mail.>"])
def test_a_wait_that_times_out_fails_or_goes_on_as_configured(pattern: str) -> None:
    wait = step(
        "w",
        StepType.WAIT_FOR_EVENT,
        event_type_pattern=pattern,
        timeout_seconds=60,
        config={"timeout_action": "follow_up"},
    )
    story = alone(wait)
    story.wait(60)
    assert story["w"].output_payload == {"timed_out": True, "timeout_action": "follow_up"}
    failing = alone(step("w", StepType.WAIT_FOR_EVENT, event_type_pattern="x", timeout_seconds=60))
    failing.wait(60)
    assert failing["w"].error_reason == "timed_out"


def notify(**config: object) -> StepDefinition:
    return step(
        "n",
        StepType.NOTIFICATION,
        notification_channel="DELIVERY_CHANNEL_SLACK",
        notification_template="t",
        config={"recipient": "team", "variables": {"deal": "input.deal"}, **config},
    )


def test_a_notification_is_sent_with_its_variables() -> None:
    story = alone(notify())
    call = story.owed["n/1/SendNotification"].call
    assert isinstance(call, SendNotification)
    assert (call.recipient_id, call.variables) == ("team", {"deal": 5})
    story.answer("n/1/SendNotification", NotificationSent("ntf_1"))
    assert story["n"].notification_id == "ntf_1"
    assert story.run.output_payload == {"deal": 5}


def test_a_notification_never_holds_up_the_run_unless_it_is_required() -> None:
    story = alone(notify())
    story.fault("n/1/SendNotification", DOWN)
    story.wait(60)
    assert (story["n"].state, story["n"].error_reason) == (StepState.COMPLETED, "timed_out")
    refused = alone(notify())
    refused.fault("n/1/SendNotification", BAD)
    assert refused.state == "COMPLETED"
    required = alone(notify(required=True), retry=RetryPolicy(1, 5, 1.0))
    required.fault("n/1/SendNotification", NO)
    assert required.states()["n"] == "PENDING"
    required.wait(6)
    required.fault("n/2/SendNotification", NO)
    assert required.state == "FAILED"


def test_an_unexpected_answer_is_audited_and_changes_nothing() -> None:
    story = alone(step("h"))
    from service.domain.commands import EffectSucceeded
    from service.domain.effects import Owed

    odd: Answer = ObjectiveCreated("obj_1", "agent_1")
    verdict = story.do(EffectSucceeded(Owed("h/1/CreateObjective", "h", 1, "CreateObjective", 1), odd))
    assert verdict == Ignored("unexpected_answer")
    assert story.last.events == ()
    assert len(story.last.audits) == 1


def test_a_runs_own_timeout_cancels_what_is_in_flight() -> None:
    story = Story(version([agent("a"), step("b"), step("c")], edges("b>c"), timeout_seconds=600))
    story.link("a", "obj_1")
    story.wait(600)
    assert story.states() == {"a": "CANCELLED", "b": "CANCELLED", "c": "PENDING"}
    assert (story.run.state, story.run.failure_reason) == (RunState.FAILED, "run_timed_out")
    assert CancelObjective("obj_1", "the run reached its timeout") in [effect.call for effect in story.owed.values()]


def test_what_a_person_hands_in_must_satisfy_the_form() -> None:
    form = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}
    story = alone(step("h", config={"form_schema": form}))
    refused = story.complete("h", score="high")
    assert isinstance(refused, Refusal)
    assert [violation.path for violation in refused.violations] == ["output_payload.score"]
    assert story.states() == {"h": "WAITING"}
    story.complete("h", score=3)
    assert story.state == "COMPLETED"


def test_an_unset_multiplier_repeats_the_same_delay() -> None:
    story = alone(agent("a", retry_policy=RetryPolicy(3, 10, 0.0)))
    for attempt in (1, 2):
        story.fault(f"a/{attempt}/PrepareObjective", NO)
        retry_at = story["a"].retry_at
        assert retry_at is not None
        assert retry_at - story.now >= timedelta(seconds=10)
        story.wait(11)


def test_an_event_satisfies_every_wait_that_is_open_and_no_later_one() -> None:
    waits = [step(name, StepType.WAIT_FOR_EVENT, event_type_pattern="x.>") for name in ("a", "b", "later")]
    story = Story(version(waits, edges("a>later", "b>later")))
    story.hear(event("e1", "x.y", payload={"n": 1}))
    assert story.states() == {"a": "COMPLETED", "b": "COMPLETED", "later": "WAITING"}
    assert (story["a"].event_id, story["b"].event_id) == ("e1", "e1")
    assert [guard.cause for guard in story.last.guards] == ["event:tests/e1"]


def test_a_delivery_whose_event_is_gone_is_settled_and_audited() -> None:
    story = alone(step("w", StepType.WAIT_FOR_EVENT, event_type_pattern=">"))
    gone = Fault(FaultKind.FAILED, "event_expired", "no longer kept")
    story.do(EffectFailed(Owed("deliver/1", "", 0, "Deliver", 1), gone))
    assert [effect.id for effect in story.last.settled] == ["deliver/1"]
    assert story.last.audits[0].reason == "event_expired"
    assert story.states() == {"w": "WAITING"}
