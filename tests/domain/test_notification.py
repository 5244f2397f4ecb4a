"""NOTIFICATION: tells somebody, and holds up the run only where it is required to."""

from typing import Any

import pytest

from service.domain.answers import NotificationSent
from service.domain.calls import SendNotification
from service.domain.definition import RetryPolicy, StepDefinition, StepType
from service.domain.state import StepState
from tests.builders import BAD, DOWN, NO, alone, step

ONCE_MORE = RetryPolicy(1, 5, 1.0)


def notify(**config: Any) -> StepDefinition:
    return step(
        "n",
        StepType.NOTIFICATION,
        notification_channel="DELIVERY_CHANNEL_SLACK",
        notification_template="won",
        config={"recipient": "team", "variables": {"deal": "input.deal"}, **config},
    )


def test_a_notification_is_sent_with_its_variables() -> None:
    story = alone(
        notify(priority="PRIORITY_HIGH", category="NOTIFICATION_CATEGORY_REPORT", subject="Won", body="Well done")
    )
    assert story.calls(SendNotification) == [
        SendNotification(
            recipient_id="team",
            channel="DELIVERY_CHANNEL_SLACK",
            priority="PRIORITY_HIGH",
            category="NOTIFICATION_CATEGORY_REPORT",
            subject="Won",
            body="Well done",
            template="won",
            variables={"deal": 5},
        )
    ]
    story.answer("n/1/SendNotification", NotificationSent("ntf_1"))
    assert story["n"].notification_id == "ntf_1"
    assert story.run.output_payload == {"deal": 5}


def test_the_steps_name_is_the_subject_when_nothing_is_said() -> None:
    (call,) = alone(notify()).calls(SendNotification)
    assert (call.subject, call.body, call.priority, call.category) == ("N", "", "", "")


@pytest.mark.parametrize("fault", [NO, BAD])
def test_one_that_is_refused_does_not_hold_up_the_run(fault: Any) -> None:
    story = alone(notify(), retry=ONCE_MORE)
    story.fault("n/1/SendNotification", fault)
    assert (story.state, story["n"].error_reason) == ("COMPLETED", fault.reason)
    assert story.run.output_payload == {"deal": 5}


@pytest.mark.parametrize("timeout_seconds", [0, 3600])
def test_one_that_cannot_be_sent_is_given_up_after_a_minute(timeout_seconds: int) -> None:
    story = alone(notify(), timeout_seconds=timeout_seconds)
    story.fault("n/1/SendNotification", DOWN)
    story.wait(59)
    assert story.states() == {"n": "RUNNING"}
    story.wait(1)
    assert (story["n"].state, story["n"].error_reason) == (StepState.COMPLETED, "timed_out")


def test_one_that_is_reported_as_failed_is_given_up() -> None:
    story = alone(notify(), retry=ONCE_MORE)
    story.report("n", StepState.FAILED, error_message="bounced")
    assert (story.state, story["n"].error_message) == ("COMPLETED", "bounced")


def test_a_required_one_is_tried_again_and_then_fails_the_run() -> None:
    story = alone(notify(required=True), retry=ONCE_MORE)
    story.fault("n/1/SendNotification", NO)
    assert story.states()["n"] == "PENDING"
    story.wait(6)
    story.report("n", StepState.FAILED, error_message="bounced", notification_id="ntf_1")
    assert story.states()["n"] == "RUNNING"  # after a retry a report says which attempt it means
    story.fault("n/2/SendNotification", NO)
    assert story.state == "FAILED"


def test_a_required_one_has_its_own_time() -> None:
    story = alone(notify(required=True), timeout_seconds=0)
    story.wait(3600)
    assert story.states() == {"n": "RUNNING"}
    late = alone(notify(required=True), retry=ONCE_MORE, timeout_seconds=600)
    late.wait(600)
    assert late.state == "FAILED"


def test_variables_that_cannot_be_evaluated_fail_the_step() -> None:
    story = alone(notify(variables={"deal": "input.no.such"}))
    assert (story.state, story["n"].error_reason) == ("FAILED", "condition_error")
