"""A failure that is reported twice in the same words is one failure, whatever its step made of it."""

from typing import Any

import pytest

from service.domain.decision import Accepted
from service.domain.definition import StepDefinition, StepType
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import agent, alone, step

GOES_ON: dict[str, Any] = {"config": {"on_failure": "continue"}}
STEPS = {
    "agent": agent("s"),
    "agent, passed over": agent("s", **GOES_ON),
    "gate": step("s", StepType.APPROVAL_GATE),
    "wait": step("s", StepType.WAIT_FOR_EVENT, event_type_pattern="a.b"),
    "wait, passed over": step("s", StepType.WAIT_FOR_EVENT, event_type_pattern="a.b", **GOES_ON),
    "notification nobody needs": step("s", StepType.NOTIFICATION),
    "notification that has to go out": step("s", StepType.NOTIFICATION, config={"required": True}),
    "task": step("s", StepType.HUMAN_TASK),
    "task, passed over": step("s", StepType.HUMAN_TASK, **GOES_ON),
}


@pytest.mark.parametrize("message", ["", "no way"])
@pytest.mark.parametrize("definition", STEPS.values(), ids=STEPS)
def test_an_exact_repetition_is_accepted_and_tells_nobody(definition: StepDefinition, message: str) -> None:
    story = alone(definition)
    first = story.report("s", StepState.FAILED, error_message=message)
    assert isinstance(first, Accepted)
    assert story.report("s", StepState.FAILED, error_message=message) == first
    assert story.last.empty


@pytest.mark.parametrize("definition", STEPS.values(), ids=STEPS)
def test_another_message_is_another_report(definition: StepDefinition) -> None:
    story = alone(definition)
    story.report("s", StepState.FAILED, error_message="no way")
    assert isinstance(story.report("s", StepState.FAILED, error_message="too late"), Refusal)
