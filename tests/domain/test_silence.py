"""Steps from which nothing is heard: heartbeats that are missed, and owners that are asked."""

import pytest

from service.domain.answers import ApprovalRequested, ApprovalStatus, Delegated, ObjectiveStatus
from service.domain.bus_event import BusEvent, ObjectiveReport
from service.domain.calls import CancelObjective, GetApproval, GetDelegation, GetObjective
from service.domain.decision import Ignored
from service.domain.definition import RetryPolicy, StepType
from service.domain.plan import PATIENCE
from service.domain.state import StepState
from tests.builders import Story, agent, alone, event, step

CHECK = PATIENCE.check_seconds


def beating(**fields: object) -> Story:
    story = alone(agent("a", config={"heartbeat_seconds": 60}, **fields))
    story.link("a", "obj_1")
    return story


def progress(story: Story) -> BusEvent:
    return event(f"evt_{story.now.isoformat()}", about=ObjectiveReport("obj_1", "RUNNING"))


# --- heartbeats ------------------------------------------------------------------------------------------------------


def test_a_missed_heartbeat_cancels_the_objective_and_fails_the_attempt() -> None:
    story = beating(retry_policy=RetryPolicy(1, 5, 1.0))
    story.wait(59)
    assert story.states() == {"a": "RUNNING"}
    story.wait(1)
    assert (story.states(), story["a"].error_reason) == ({"a": "PENDING"}, "heartbeat_missed")
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]
    story.wait(6)
    story.link("a", "obj_2")
    story.wait(60)
    assert (story.state, story["a"].error_reason) == ("FAILED", "heartbeat_missed")


def test_progress_keeps_an_attempt_alive_without_an_event() -> None:
    story = beating()
    for _ in range(4):
        story.wait(50)
        story.hear(progress(story))
        assert story.last.events == ()
    assert story.states() == {"a": "RUNNING"}
    story.wait(60)
    assert story["a"].error_reason == "heartbeat_missed"


def test_a_report_keeps_an_attempt_alive() -> None:
    story = beating()
    story.wait(50)
    story.report("a", StepState.RUNNING)
    story.wait(50)
    assert story.states() == {"a": "RUNNING"}


def test_being_asked_is_no_sign_of_life() -> None:
    story = alone(agent("a", config={"heartbeat_seconds": CHECK + 60}))
    story.link("a", "obj_1")
    story.wait(CHECK)
    story.answer(story.owing(GetObjective), ObjectiveStatus("obj_1", "RUNNING"))
    story.wait(60)
    assert story["a"].error_reason == "heartbeat_missed"


def test_without_a_heartbeat_progress_changes_nothing_at_all() -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    story.wait(50)
    before = story.run
    assert story.hear(progress(story)) == Ignored("progress")
    assert story.run is before


def test_the_heart_beats_from_the_link_on() -> None:
    story = alone(agent("a", config={"heartbeat_seconds": 60}))
    story.wait(3600)
    assert story.states() == {"a": "RUNNING"}
    assert "heartbeat" not in story["a"].alarms


# --- asking ----------------------------------------------------------------------------------------------------------


def test_the_owner_of_a_quiet_objective_is_asked_again_and_again() -> None:
    story = alone(step("a", StepType.AGENT_ACTION, required_capability="sell"))
    story.link("a", "obj_1")
    story.answer("a/1/Delegate", Delegated("del_1"))
    told = story.told()
    for _ in range(2):
        story.wait(CHECK)
        story.answer(story.owing(GetObjective), ObjectiveStatus("obj_1", "RUNNING"))
    assert story.calls(GetObjective) == [GetObjective("obj_1")] * 2
    assert story.calls(GetDelegation) == [GetDelegation("del_1")] * 2
    assert story.told() == told


def test_questions_do_not_pile_up_while_nobody_answers() -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    for _ in range(5):
        story.wait(CHECK)
    assert story.calls(GetObjective) == [GetObjective("obj_1")]


@pytest.mark.parametrize(("said", "state"), [("FAILED", "FAILED"), ("CANCELLED", "FAILED"), ("RUNNING", "RUNNING")])
def test_what_the_owner_says_counts_like_the_bus(said: str, state: str) -> None:
    story = alone(agent("a"))
    story.link("a", "obj_1")
    story.wait(CHECK)
    story.answer(story.owing(GetObjective), ObjectiveStatus("obj_1", said))
    assert story.state == state


def test_the_owner_of_a_quiet_approval_is_asked() -> None:
    story = alone(step("g", StepType.APPROVAL_GATE))
    story.answer("g/1/RequestApproval", ApprovalRequested("apr_1"))
    told = story.told()
    story.wait(CHECK)
    story.wait(CHECK)
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "PENDING"))
    assert story.told() == told
    story.wait(CHECK)
    story.answer(story.owing(GetApproval), ApprovalStatus("apr_1", "APPROVED", "mia"))
    assert story.state == "COMPLETED"


def test_the_clock_wakes_a_run_for_its_alarms_and_no_longer_when_the_step_has_ended() -> None:
    story = beating()
    assert story.run.wake_at == story["a"].alarms["heartbeat"]
    story.objective("a", "COMPLETED", done=True)
    assert story["a"].alarms == {}
    assert story.run.wake_at is None
