"""The page for people who write workflows says what holds: its examples are published and run, its tables compared."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from workflows.v1 import workflows_pb2 as pb

from service.domain.answers import (
    ActionEvaluated,
    Answer,
    ApprovalRequested,
    ApprovalStatus,
    ChildStarted,
    Delegated,
    NotificationSent,
    ObjectiveCreated,
    ObjectivePrepared,
    UsageReported,
)
from service.domain.commands import ChildEnded, CompleteTask
from service.domain.config import KEYS
from service.domain.definition import StepType, Version
from service.domain.effects import Effect
from service.domain.state import RunState, StepState
from service.domain.validate import find_problems
from service.edge.workflows.version_requests import draft
from tests.builders import Story, event
from tests.docs.page import COMMON, Example, examples, keys, sections

EXAMPLES = list(examples())
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])


def parsed(example: Example) -> Version:
    """The example as PublishVersion would get it. Whatever JSON field the wire does not know is an error."""
    request = ParseDict({"definition_id": "wf_1", **example.graph}, pb.PublishVersionRequest())
    found = draft(request)
    assert found.violations == ()
    return replace(found.version, workspace_id="ws_1", version=1)


# --- the examples ----------------------------------------------------------------------------------------------------


def test_every_type_and_form_has_an_example() -> None:
    assert [example.title for example in EXAMPLES] == [
        "AGENT_ACTION",
        "For every item of a list",
        "A run of its own",
        "APPROVAL_GATE",
        "GOVERNANCE_CHECK",
        "WAIT_FOR_EVENT",
        "One event among many",
        "A delay",
        "BRANCH",
        "PARALLEL",
        "NOTIFICATION",
        "HUMAN_TASK",
    ]


@each_example
def test_every_example_can_be_published(example: Example) -> None:
    assert find_problems(parsed(example)) == []


@each_example
def test_every_example_runs_to_its_end(example: Example) -> None:
    story = Story(parsed(example), example.payload)
    for _ in range(50):
        if story.run.state.terminal:
            break
        _go_on(story, example)
    assert (story.state, story.run.failure_message) == ("COMPLETED", "")


def _go_on(story: Story, example: Example) -> None:
    """Everybody does what is asked of them; nobody else does anything."""
    for effect_id in list(story.owed):
        if effect_id in story.owed:
            story.answer(effect_id, _answer(story.owed[effect_id]))
    for step in list(story.run.steps.values()) + list(story.run.items.values()):
        if step.objective_id and step.state is StepState.RUNNING:
            story.objective(step.step_id, "COMPLETED", "0.01", done=True)
        elif step.state is StepState.WAITING:
            _end_waiting(story, step.step_id, example)


def _answer(effect: Effect) -> Answer:
    objective_id = f"obj_{effect.step_id}"
    answers: Mapping[str, Answer] = {
        "PrepareObjective": ObjectivePrepared("agt_any"),
        "CreateObjective": ObjectiveCreated(objective_id, "agt_any"),
        "Delegate": Delegated("del_1"),
        "QueryUsage": UsageReported(objective_id, Decimal(0), 0),
        "RequestApproval": ApprovalRequested("apr_1", auto_approved=True),
        "GetApproval": ApprovalStatus("apr_1", "AUTO_APPROVED"),
        "EvaluateAction": ActionEvaluated("ALLOW"),
        "SendNotification": NotificationSent("ntf_1"),
        "StartChild": ChildStarted(f"wfr_{effect.step_id}"),
    }
    return answers[effect.kind]


def _end_waiting(story: Story, step_id: str, example: Example) -> None:
    step = story[step_id]
    match step.step_type:
        case StepType.HUMAN_TASK:
            story.do(CompleteTask(step_id, 1, "usr_ann", example.handed_in))
        case StepType.AGENT_ACTION:
            child = step.evidence["child_run_id"]
            story.do(ChildEnded(step_id, step.attempt, child, RunState.COMPLETED, {"done": True}, Decimal("0.1")))
        case StepType.WAIT_FOR_EVENT if example.event:
            story.hear(event("evt_1", example.event["type"], payload=example.event["payload"]))
        case StepType.WAIT_FOR_EVENT:
            assert step.deadline_at is not None
            story.wait((step.deadline_at - story.now).total_seconds())
        case _:
            pass  # it waits for an answer


# --- the tables ------------------------------------------------------------------------------------------------------


def _known(step_type: StepType) -> Iterator[str]:
    for key, schema in KEYS[step_type].items():
        yield key
        below: Mapping[str, Any] = schema.get("properties", {})
        yield from (f"{key}.{name}" for name in below)


@pytest.mark.parametrize("step_type", list(StepType))
def test_every_config_key_is_documented_and_no_other(step_type: StepType) -> None:
    assert keys(COMMON) | keys(step_type.value) == set(_known(step_type))


def test_a_key_is_documented_in_one_place() -> None:
    for title in sections().keys() - {COMMON}:
        assert not keys(title) & keys(COMMON)
