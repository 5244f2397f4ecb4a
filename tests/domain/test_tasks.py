"""What people do with an open task: every command, the versions they saw, and that two never both win."""

from collections.abc import Callable
from typing import Any

import pytest

from service.domain.commands import (
    CancelRun,
    ClaimTask,
    CommentTask,
    CompleteTask,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    TaskCommand,
)
from service.domain.decision import Accepted, Verdict
from service.domain.definition import StepType
from service.domain.errors import Kind, Refusal
from service.domain.state import Task, TaskStatus
from tests.builders import Story, agent, alone, edges, step, version


def opened(**config: Any) -> Story:
    return alone(step("h", config=config))


def task(story: Story) -> Task:
    return story.run.tasks["h"]


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Refusal)
    return verdict.reason


def claimed(by: str = "mia", **config: Any) -> Story:
    story = opened(**config)
    story.do(ClaimTask("h", 1, by))
    return story


# --- every command ---------------------------------------------------------------------------------------------------


def test_a_claim_is_told_of_and_moves_nothing() -> None:
    story = claimed()
    assert (task(story).status, task(story).claimed_by, task(story).version) == (TaskStatus.CLAIMED, "mia", 2)
    assert story.states() == {"h": "WAITING"}
    assert story.told()[-1] == "h.updated"


def test_a_release_gives_it_back() -> None:
    story = claimed()
    story.do(ReleaseTask("h", 2, "mia"))
    assert (task(story).status, task(story).claimed_by, task(story).version) == (TaskStatus.OPEN, "", 3)


def test_a_reassignment_takes_it_from_whoever_has_it() -> None:
    story = claimed()
    story.do(ReassignTask("h", 2, "boss", "bob", "sales"))
    found = task(story)
    assert (found.status, found.assignee, found.group, found.claimed_by) == (TaskStatus.OPEN, "bob", "sales", "")
    assert reason(story.do(CompleteTask("h", 3, "mia", {}))) == "task_assigned"
    assert isinstance(story.do(CompleteTask("h", 3, "bob", {})), Accepted)


def test_a_comment_gets_in_nobodys_way() -> None:
    story = claimed()
    story.do(CommentTask("h", 1, "bob", "Have you seen page two?"))
    entry = story.said[-1]
    assert (entry.step_id, entry.kind, entry.author, entry.text) == (
        "h",
        "comment",
        "user:bob",
        "Have you seen page two?",
    )
    assert task(story).version == 2


def test_completing_ends_the_step_with_the_output() -> None:
    story = claimed()
    story.do(CompleteTask("h", 2, "mia", {"ok": True}))
    assert (story.state, story["h"].output_payload) == ("COMPLETED", {"ok": True})
    assert (task(story).status, task(story).completed_by) == (TaskStatus.COMPLETED, "mia")
    assert (story.said[-1].kind, story.said[-1].author, story.said[-1].body) == (
        "answer",
        "user:mia",
        {"output": {"ok": True}},
    )


def test_rejecting_fails_the_step_with_the_reason() -> None:
    story = opened()
    story.do(RejectTask("h", 1, "mia", "not my job"))
    assert (story.state, story["h"].error_reason, story["h"].error_message) == (
        "FAILED",
        "task_rejected",
        "not my job",
    )
    assert (task(story).status, task(story).completed_by) == (TaskStatus.REJECTED, "mia")


# --- two people ------------------------------------------------------------------------------------------------------


ACTIONS: list[Callable[[int, str], TaskCommand]] = [
    lambda version, user: ClaimTask("h", version, user),
    lambda version, user: ReleaseTask("h", version, user),
    lambda version, user: ReassignTask("h", version, user, user, ""),
    lambda version, user: CompleteTask("h", version, user, {"by": user}),
    lambda version, user: RejectTask("h", version, user, "no"),
]


@pytest.mark.parametrize("act", ACTIONS)
def test_nobody_acts_on_what_they_have_not_seen(act: Callable[[int, str], TaskCommand]) -> None:
    assert reason(claimed().do(act(1, "mia"))) == "task_version"


@pytest.mark.parametrize("second", [ACTIONS[0], ACTIONS[3], ACTIONS[4]])
@pytest.mark.parametrize("first", [ACTIONS[0], ACTIONS[3], ACTIONS[4]])
@pytest.mark.parametrize("seen", [1, 0])
def test_two_people_never_both_win(
    first: Callable[[int, str], TaskCommand], second: Callable[[int, str], TaskCommand], seen: int
) -> None:
    story = opened()
    story.do(first(seen, "mia"), second(seen, "bob"))
    won, lost = story.last.verdicts
    assert isinstance(won, Accepted)
    assert reason(lost) in ("task_version", "task_claimed", "task_closed")
    assert "bob" not in (task(story).claimed_by, task(story).completed_by)


@pytest.mark.parametrize("act", [ACTIONS[0], ACTIONS[1], ACTIONS[3], ACTIONS[4]])
def test_what_somebody_has_claimed_is_theirs(act: Callable[[int, str], TaskCommand]) -> None:
    assert reason(claimed("mia").do(act(2, "bob"))) == "task_claimed"


@pytest.mark.parametrize("act", [ACTIONS[0], ACTIONS[3], ACTIONS[4]])
def test_what_is_assigned_to_somebody_is_theirs(act: Callable[[int, str], TaskCommand]) -> None:
    verdict = opened(assignee="mia").do(act(1, "bob"))
    assert reason(verdict) == "task_assigned"
    assert isinstance(verdict, Refusal)
    assert verdict.kind is Kind.DENIED
    assert isinstance(opened(assignee="mia").do(act(1, "mia")), Accepted)


def test_a_version_of_none_means_any() -> None:
    assert isinstance(claimed().do(CompleteTask("h", 0, "mia", {})), Accepted)


# --- repeated and too late -------------------------------------------------------------------------------------------


def test_claiming_again_changes_nothing() -> None:
    story = claimed()
    told = story.told()
    assert isinstance(story.do(ClaimTask("h", 2, "mia")), Accepted)
    assert (task(story).version, story.told()) == (2, told)


@pytest.mark.parametrize("act", ACTIONS[3:])
def test_saying_again_what_ended_it_is_no_conflict(act: Callable[[int, str], TaskCommand]) -> None:
    story = opened()
    story.do(act(1, "mia"))
    told = story.told()
    assert isinstance(story.do(act(1, "mia")), Accepted)
    assert story.told() == told


@pytest.mark.parametrize("act", [*ACTIONS, lambda version, user: CommentTask("h", version, user, "late")])
def test_a_closed_task_is_closed(act: Callable[[int, str], TaskCommand]) -> None:
    story = opened()
    story.do(CancelRun("no"))
    assert reason(story.do(act(2, "mia"))) == "task_closed"


def test_the_other_end_of_a_closed_task_is_a_conflict() -> None:
    story = opened()
    story.do(CompleteTask("h", 1, "mia", {}))
    assert reason(story.do(RejectTask("h", 1, "mia", "no"))) == "task_closed"


def test_there_is_no_task_before_its_step_has_begun_or_where_there_is_none() -> None:
    story = Story(version([agent("a"), step("h"), step("n", StepType.NOTIFICATION)], edges("a>h")))
    for step_id in ("h", "n", "nobody"):
        assert reason(story.do(ClaimTask(step_id, 0, "mia"))) == "task_not_found"
