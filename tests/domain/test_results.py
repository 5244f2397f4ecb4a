"""An objective that completed and its result, which may come later, from elsewhere, or never; and delegations."""

import pytest

from service.domain.answers import Delegated, DelegationStatus, Fault, FaultKind, ObjectiveStatus
from service.domain.calls import CancelObjective, GetDelegation, GetObjective, QueryUsage
from service.domain.decision import Accepted, Ignored
from service.domain.definition import RetryPolicy, StepType
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import DOWN, NO, Story, agent, alone, step

ONCE_MORE = RetryPolicy(1, 5, 1.0)


def linked(**fields: object) -> Story:
    story = alone(agent("a", **fields))
    story.link("a", "obj_1")
    return story


def delegated(**fields: object) -> Story:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell", **fields))
    story.link("a", "obj_1")
    story.answer("a/1/Delegate", Delegated("del_1"))
    return story


# --- waiting for a result --------------------------------------------------------------------------------------------


def test_a_completed_objective_without_a_result_is_waited_for() -> None:
    story = linked()
    story.hear_of("obj_1", "COMPLETED")
    story.wait(9)
    assert story.states() == {"a": "RUNNING"}
    story.wait(1)
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {})


def test_a_second_report_may_bring_the_result() -> None:
    story = linked()
    story.hear_of("obj_1", "COMPLETED")
    assert story.hear_of("obj_1", "COMPLETED") == Ignored("progress")
    story.wait(5)
    story.objective("a", "COMPLETED", "0.02", score=9)
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {"score": 9})


def test_an_empty_result_is_a_result() -> None:
    story = linked(config={"output_required": True})
    story.objective("a", "COMPLETED")
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {})


def test_the_delegation_may_have_the_result() -> None:
    story = delegated()
    story.hear_of("obj_1", "COMPLETED")
    assert story.calls(GetDelegation) == [GetDelegation("del_1")]
    story.answer("a/1/GetDelegation/result", DelegationStatus("del_1", "COMPLETED", {"score": 9}))
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {"score": 9})


def test_the_delegation_may_be_answered_after_the_objective_has_completed() -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell"))
    story.link("a", "obj_1", "agent_9")
    story.hear_of("obj_1", "COMPLETED")
    assert story.calls(GetDelegation) == []
    story.answer("a/1/Delegate", Delegated("del_1"))
    story.answer("a/1/GetDelegation/result", DelegationStatus("del_1", "COMPLETED", {"score": 9}))
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {"score": 9})


@pytest.mark.parametrize("fault", [NO, Fault(FaultKind.REJECTED, "unimplemented", "not here")])
def test_a_delegation_that_cannot_be_asked_or_has_nothing_changes_nothing(fault: Fault) -> None:
    story = delegated()
    story.hear_of("obj_1", "COMPLETED")
    story.fault("a/1/GetDelegation/result", fault)
    assert story.audits[-1].reason == fault.reason
    story.wait(10)
    assert (story.state, story["a"].output_payload) == ("COMPLETED", {})
    silent = delegated()
    silent.hear_of("obj_1", "COMPLETED")
    silent.answer("a/1/GetDelegation/result", DelegationStatus("del_1", "FAILED"))
    assert silent.states() == {"a": "RUNNING"}


def test_how_long_a_result_is_waited_for_can_be_said() -> None:
    story = linked(config={"result_grace_seconds": 60})
    story.hear_of("obj_1", "COMPLETED")
    story.wait(59)
    assert story.states() == {"a": "RUNNING"}
    at_once = linked(config={"result_grace_seconds": 0})
    at_once.hear_of("obj_1", "COMPLETED")
    assert at_once.state == "COMPLETED"


def test_a_required_result_that_does_not_come_fails_the_attempt() -> None:
    story = linked(config={"output_required": True}, retry_policy=ONCE_MORE)
    story.hear_of("obj_1", "COMPLETED")
    story.wait(10)
    assert (story.states(), story["a"].error_reason) == ({"a": "PENDING"}, "result_missing")


def test_a_required_result_is_demanded_of_a_report_too() -> None:
    story = linked(config={"output_required": True})
    verdict = story.report("a", StepState.COMPLETED)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "output_required"
    assert isinstance(story.complete("a", score=9), Accepted)


def test_a_failure_heard_while_a_result_is_awaited_counts() -> None:
    story = linked()
    story.hear_of("obj_1", "COMPLETED")
    story.hear_of("obj_1", "FAILED", message="after all")
    assert (story.state, story["a"].error_message) == ("FAILED", "after all")


def test_a_timeout_while_a_result_is_awaited_ends_the_waiting_well() -> None:
    story = linked(timeout_seconds=60, config={"result_grace_seconds": 30})
    story.wait(50)
    story.hear_of("obj_1", "COMPLETED")
    story.wait(10)
    assert story.state == "COMPLETED"
    assert story.calls(CancelObjective) == []


def test_an_old_word_of_progress_does_not_arm_the_heartbeat_again() -> None:
    story = linked(config={"heartbeat_seconds": 30, "result_grace_seconds": 100})
    story.hear_of("obj_1", "COMPLETED")
    story.hear_of("obj_1", "RUNNING")
    story.report("a", StepState.RUNNING, agent_id="agent_2")
    story.wait(40)
    assert story.states() == {"a": "RUNNING"}
    assert set(story["a"].alarms) == {"grace"}


def test_asking_finds_a_completion_and_then_its_result() -> None:
    story = delegated()
    story.wait(300)
    story.answer(story.owing(GetObjective), ObjectiveStatus("obj_1", "COMPLETED"))
    assert set(story["a"].alarms) == {"grace"}
    assert "a/1/GetDelegation/result" in story.owed
    story.wait(10)
    assert story.state == "COMPLETED"
    assert QueryUsage("obj_1") in story.calls(QueryUsage)


# --- delegations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["REJECTED", "FAILED", "TIMED_OUT"])
def test_a_lost_delegation_cancels_the_objective_and_fails_the_attempt(status: str) -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell", retry_policy=ONCE_MORE))
    story.link("a", "obj_1")
    story.answer("a/1/Delegate", Delegated("del_1", status, "too busy"))
    assert (story.states(), story["a"].error_reason) == ({"a": "PENDING"}, f"delegation_{status.lower()}")
    assert story["a"].error_message == "too busy"
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]
    assert story["a"].delegation_id == ""


def test_a_delegation_that_was_lost_later_is_found_by_asking() -> None:
    story = delegated()
    story.wait(300)
    story.answer(story.owing(GetDelegation), DelegationStatus("del_1", "FAILED", message="gave up"))
    assert (story.state, story["a"].error_reason) == ("FAILED", "delegation_failed")
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]


def test_a_delegation_that_cannot_be_made_leaves_no_objective_behind() -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell", retry_policy=ONCE_MORE))
    story.link("a", "obj_1")
    story.fault("a/1/Delegate", DOWN)
    assert story.states() == {"a": "RUNNING"}
    story.fault("a/1/Delegate", NO)
    assert story.states() == {"a": "PENDING"}
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]


def test_a_delegation_that_is_answered_after_the_end_is_still_noted() -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell"))
    story.link("a", "obj_1")
    story.objective("a", "COMPLETED", done=True)
    story.answer("a/1/Delegate", Delegated("del_1", "REJECTED"))
    assert (story.state, story["a"].delegation_id) == ("COMPLETED", "del_1")
