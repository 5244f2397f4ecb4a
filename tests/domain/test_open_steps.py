"""What becomes of an open step of each type when its run is cancelled, reaches its timeout or is paused.

And when the step reaches its own timeout. `docs/lifecycle.md` tells the same in words.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.domain.answers import ChildStarted
from service.domain.calls import CancelChild, CancelObjective
from service.domain.commands import CancelRun, PauseRun, ResumeRun
from service.domain.definition import StepDefinition, StepType
from tests.builders import Story, agent, edges, step, version

STEP_SECONDS = 45
WORKFLOW = {"workflow": {"name": "other"}}
NOTICE = {"notification_channel": "DELIVERY_CHANNEL_SLACK", "notification_template": "hello"}

OPEN: dict[str, StepDefinition] = {
    "objective": agent("a"),
    "child run": step("a", StepType.AGENT_ACTION, config=WORKFLOW),
    "items": agent("a", config={"items": "input.names"}),
    "gate": step("a", StepType.APPROVAL_GATE, action_type="spend"),
    "gate that routes": step("a", StepType.APPROVAL_GATE, action_type="spend", config={"on_denied": "route"}),
    "check": step("a", StepType.GOVERNANCE_CHECK, action_type="spend"),
    "wait": step("a", StepType.WAIT_FOR_EVENT, event_type_pattern="x.y"),
    "wait that goes on": step(
        "a", StepType.WAIT_FOR_EVENT, event_type_pattern="x.y", config={"timeout_action": "go on"}
    ),
    "task": step("a"),
    "notification": step("a", StepType.NOTIFICATION, config={"recipient": "ann"}, **NOTICE),
    "required notification": step("a", StepType.NOTIFICATION, config={"recipient": "ann", "required": True}, **NOTICE),
}
EVERY = pytest.mark.parametrize("kind", OPEN)
AFTER_ITS_TIMEOUT = dict.fromkeys(OPEN, "FAILED") | {"wait that goes on": "COMPLETED", "notification": "COMPLETED"}
TAKEN_BACK = {"objective": [CancelObjective("obj_1", "why")], "child run": [CancelChild("wfr_c", "why")]}
BEGINNINGS: dict[str, Callable[[Story], object]] = {
    "objective": lambda story: story.link("a", "obj_1"),
    "child run": lambda story: story.answer("a/1/StartChild", ChildStarted("wfr_c")),
}


def opened(kind: str, run_seconds: int = 3_600) -> Story:
    """`a` is open, `b` comes after it."""
    drawn = replace(OPEN[kind], timeout_seconds=STEP_SECONDS)
    story = Story(version([drawn, step("b")], edges("a>b"), timeout_seconds=run_seconds), {"names": ["ann"]})
    if kind in BEGINNINGS:
        BEGINNINGS[kind](story)
    assert story["a"].state.open
    return story


@EVERY
def test_cancelling_ends_it_and_takes_back_what_it_has_set_going(kind: str) -> None:
    story = opened(kind)
    story.do(CancelRun("why"))
    assert story.states() == {"a": "CANCELLED", "b": "CANCELLED"}
    assert {found.state.value for found in story.run.items.values()} <= {"CANCELLED"}
    calls = [effect.call for effect in story.last.owed]
    assert [call for call in calls if isinstance(call, CancelObjective | CancelChild)] == TAKEN_BACK.get(kind, [])


@EVERY
def test_the_runs_timeout_does_the_same_but_leaves_what_has_not_started(kind: str) -> None:
    story = opened(kind, run_seconds=30)
    story.wait(30)
    assert (story.state, story.states()) == ("FAILED", {"a": "CANCELLED", "b": "PENDING"})


@EVERY
def test_a_pause_leaves_it_open_and_its_timeout_counts(kind: str) -> None:
    story = opened(kind)
    story.do(PauseRun(""))
    assert story["a"].state.open
    story.wait(STEP_SECONDS)
    ended = story.run.items["a[0]"] if kind == "items" else story["a"]
    assert (ended.state.value, story.states()["b"]) == (AFTER_ITS_TIMEOUT[kind], "PENDING")
    story.do(ResumeRun())
    assert story.state == ("FAILED" if AFTER_ITS_TIMEOUT[kind] == "FAILED" else "RUNNING")


@pytest.mark.parametrize("ends", ["cancel", "timeout"])
def test_a_parallel_ends_with_its_children(ends: str) -> None:
    drawn = version([step("p", StepType.PARALLEL), step("x"), step("y")], edges("p>x", "p>y"), timeout_seconds=60)
    story = Story(drawn)
    if ends == "cancel":
        story.do(CancelRun(""))
    else:
        story.wait(60)
    assert story.states() == dict.fromkeys("pxy", "CANCELLED")
