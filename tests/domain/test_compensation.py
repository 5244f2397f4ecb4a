"""Undoing what a run did: what counts, in which order, once; and what stops it."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.answers import ChildStarted, Fault, FaultKind
from service.domain.calls import CancelChild, CompensateChild, TellParent
from service.domain.commands import CancelRun, ChildEnded, CompensateRun, PauseRun
from service.domain.compensation import levels
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType
from service.domain.errors import Refusal
from service.domain.state import ZERO, RunState, StepState
from tests.builders import Story, agent, edges, step, version

NO = Fault(FaultKind.FAILED, "not_found", "no such agent")


def undone_by(step_id: str, **fields: Any) -> tuple[StepDefinition, StepDefinition]:
    """A task, and the task that undoes it."""
    return step(step_id, compensation_step_id=f"undo_{step_id}", **fields), step(f"undo_{step_id}")


def failed(*drawn: StepDefinition, connections: tuple[Edge, ...]) -> Story:
    """Everything is completed until the step `last`, which fails."""
    story = Story(version(drawn, connections))
    while story.state == "RUNNING":
        for step_id, found in story.run.steps.items():
            if found.state is StepState.WAITING and step_id != "last":
                story.complete(step_id, by=step_id)
        if story["last"].state is StepState.WAITING:
            story.report("last", StepState.FAILED, error_message="no way")
    return story


@pytest.fixture
def story() -> Story:
    """a > (b | c) > last, all but the last with a way back."""
    found = failed(
        *undone_by("a"), *undone_by("b"), *undone_by("c"), step("last"),
        connections=edges("a>b", "a>c", "b>last", "c>last"),
    )  # fmt: skip
    assert found.state == "FAILED"
    return found


def test_later_steps_are_undone_first_and_those_of_a_level_together(story: Story) -> None:
    assert levels(story.plan, story.run) == [["c", "b"], ["a"]]
    story.do(CompensateRun("it failed"), actor="user:mia")
    assert (story.state, story.run.compensation["by"]) == ("COMPENSATING", "user:mia")
    assert story["undo_c"].state is story["undo_b"].state is StepState.WAITING
    assert story["undo_b"].input_payload == {"by": "b"}
    assert "undo_a" not in story.run.steps
    story.complete("undo_b")
    assert story.states()["b"] == "COMPENSATED"
    assert "undo_a" not in story.run.steps
    story.complete("undo_c")
    story.complete("undo_a")
    assert [story.states()[name] for name in "abc"] == ["COMPENSATED"] * 3
    assert (story.state, story.run.failure_reason) == ("FAILED", "task_rejected")
    assert story.told()[-1] == "run.compensated"


def test_two_compensations_are_one_walk(story: Story) -> None:
    story.do(CompensateRun(""), CompensateRun(""))
    assert story.told().count("run.compensate") == 1
    assert [key for key in story.run.steps if key.startswith("undo")] == ["undo_c", "undo_b"]


def test_one_that_fails_stops_the_walk_and_asking_again_goes_on_there(story: Story) -> None:
    story.do(CompensateRun("first"))
    story.report("undo_b", StepState.FAILED, error_message="stuck")
    assert story.state == "COMPENSATING"  # the other one comes home first
    story.complete("undo_c")
    assert (story.state, story.run.failure_reason) == ("FAILED", "compensation_failed")
    assert story.run.failure_message == "b could not be undone; left to undo: b, a"
    story.do(CompensateRun("second"))
    assert (story["undo_b"].attempt, story["undo_c"].attempt) == (2, 1)
    story.complete("undo_b")
    story.complete("undo_a")
    assert (story.state, story.run.failure_reason) == ("FAILED", "task_rejected")
    assert story["undo_c"].attempt == 1


def test_a_compensation_step_follows_its_retry_policy() -> None:
    undo = agent("undo_a", retry_policy=RetryPolicy(2, 10, 1.0))
    story = failed(step("a", compensation_step_id="undo_a"), undo, step("last"), connections=edges("a>last"))
    story.do(CompensateRun(""))
    for attempt in (1, 2):
        story.fault(f"undo_a/{attempt}/PrepareObjective", NO)
        assert story["undo_a"].state is StepState.PENDING
        assert isinstance(story.report("undo_a", StepState.SKIPPED), Refusal)
        story.wait(11)
    story.link("undo_a", "obj_1")
    story.objective("undo_a", "COMPLETED", "0.2")
    assert story.states()["a"] == "COMPENSATED"
    assert str(story.run.total_cost_usd) == "0.2"


@pytest.mark.parametrize(("only", "wanted"), [("", ["last"]), ("completed", [])])
def test_what_was_tried_and_failed_is_undone_unless_it_says_otherwise(only: str, wanted: list[str]) -> None:
    config = {"compensate_on": only} if only else {}
    story = failed(*undone_by("last", config=config), connections=())
    assert levels(story.plan, story.run) == ([wanted] if wanted else [])
    story.do(CompensateRun(""))
    assert story.state == ("COMPENSATING" if wanted else "FAILED")


def test_what_it_undoes_is_in_scope() -> None:
    undo = step("undo_a", config={"input": {"said": "compensated.output.by", "state": "compensated.state"}})
    story = failed(step("a", compensation_step_id="undo_a"), undo, step("last"), connections=edges("a>last"))
    story.do(CompensateRun(""))
    assert story["undo_a"].input_payload == {"said": "a", "state": "COMPLETED"}


def test_a_cancelled_compensation_can_be_taken_up_again(story: Story) -> None:
    story.do(CompensateRun(""))
    story.do(CancelRun("stop"))
    assert (story.state, story.states()["undo_b"]) == ("CANCELLED", "CANCELLED")
    story.do(CompensateRun("on"))
    for name in ("undo_b", "undo_c", "undo_a"):
        story.complete(name)
    assert (story.state, story.run.failure_reason) == ("CANCELLED", "cancelled")


def test_a_run_that_goes_on_or_completed_is_not_compensated() -> None:
    story = Story(version([step("a")]))
    refused = story.do(CompensateRun(""))
    assert isinstance(refused, Refusal)
    assert refused.reason == "run_not_ended"
    story.complete("a")
    refused = story.do(CompensateRun(""))
    assert isinstance(refused, Refusal)
    assert refused.reason == "run_completed"


def test_the_runs_own_timeout_does_not_end_a_compensation() -> None:
    story = Story(version([*undone_by("a"), step("b")], edges("a>b"), timeout_seconds=60))
    story.complete("a")
    story.wait(60)
    assert story.run.failure_reason == "run_timed_out"
    story.do(CompensateRun(""))
    story.wait(600)
    assert story.state == "FAILED"  # the step's own timeout, inherited from the version, still counts
    assert story.run.failure_reason == "compensation_failed"


# --- runs within runs ------------------------------------------------------------------------------------------------


def parent() -> Story:
    calls = step("c", StepType.AGENT_ACTION, config={"workflow": {"name": "other"}})
    story = Story(version([calls, step("last")], edges("c>last")))
    story.answer("c/1/StartChild", ChildStarted("wfr_child"))
    story.do(ChildEnded("c", 1, "wfr_child", RunState.COMPLETED, {}, ZERO))
    story.report("last", StepState.FAILED)
    return story


def test_a_child_run_is_undone_by_its_own_definition() -> None:
    story = parent()
    story.do(CompensateRun("why"))
    assert [effect.call for effect in story.last.owed] == [CompensateChild("wfr_child", "why")]
    assert story.state == "COMPENSATING"
    story.do(ChildEnded("c", 1, "wfr_child", RunState.COMPLETED, {}, ZERO, undone="done"))
    assert (story.states()["c"], story.state) == ("COMPENSATED", "FAILED")


def test_what_failed_attempts_began_is_undone_too() -> None:
    calls = step(
        "c", StepType.AGENT_ACTION, config={"workflow": {"name": "other"}}, retry_policy=RetryPolicy(1, 5, 1.0)
    )
    story = Story(version([calls, step("last")], edges("c>last")))
    story.answer("c/1/StartChild", ChildStarted("wfr_1st"))
    story.do(ChildEnded("c", 1, "wfr_1st", RunState.FAILED, {}, ZERO))
    story.wait(6)
    story.answer("c/2/StartChild", ChildStarted("wfr_2nd"))
    story.do(ChildEnded("c", 2, "wfr_2nd", RunState.COMPLETED, {}, ZERO))
    story.report("last", StepState.FAILED)
    story.do(CompensateRun("why"))
    assert [effect.call for effect in story.last.owed] == [
        CompensateChild("wfr_2nd", "why"),
        CompensateChild("wfr_1st", "why"),
    ]
    story.do(ChildEnded("c", 1, "wfr_1st", RunState.FAILED, {}, ZERO, undone="done"))
    assert story.state == "COMPENSATING"
    story.do(ChildEnded("c", 2, "wfr_2nd", RunState.COMPLETED, {}, ZERO, undone="done"))
    assert (story.states()["c"], story.state) == ("COMPENSATED", "FAILED")


@pytest.mark.parametrize("known_first", [True, False], ids=["it was known", "its start was answered later"])
def test_a_child_that_was_cancelled_half_way_is_undone(known_first: bool) -> None:
    story = Story(version([step("c", StepType.AGENT_ACTION, config={"workflow": {"name": "other"}})]))
    if known_first:
        story.answer("c/1/StartChild", ChildStarted("wfr_child"))
    story.do(CancelRun("stop"))
    if not known_first:
        story.answer("c/1/StartChild", ChildStarted("wfr_child"))
    assert story.calls(CancelChild) == [CancelChild("wfr_child", "stop" if known_first else "the attempt was given up")]
    story.do(CompensateRun("why"))
    assert story.calls(CompensateChild) == [CompensateChild("wfr_child", "why")]
    story.do(ChildEnded("c", 1, "wfr_child", RunState.CANCELLED, {}, ZERO, undone="done"))
    assert (story.states()["c"], story.state) == ("COMPENSATED", "CANCELLED")


def test_what_a_given_up_attempt_turns_out_to_have_begun_is_undone() -> None:
    calls = step(
        "c",
        StepType.AGENT_ACTION,
        config={"workflow": {"name": "other"}},
        retry_policy=RetryPolicy(1, 5, 1.0),
        timeout_seconds=10,
    )
    story = Story(version([calls]))
    story.wait(11)
    story.wait(6)
    story.answer("c/2/StartChild", ChildStarted("wfr_2nd"))
    story.answer("c/1/StartChild", ChildStarted("wfr_1st"))
    story.do(ChildEnded("c", 2, "wfr_2nd", RunState.FAILED, {}, ZERO))
    story.do(CompensateRun("why"))
    assert [call.run_id for call in story.calls(CompensateChild)] == ["wfr_2nd", "wfr_1st"]


def test_a_child_that_cannot_be_undone_stops_its_parent() -> None:
    story = parent()
    story.do(CompensateRun(""))
    story.do(ChildEnded("c", 1, "wfr_child", RunState.FAILED, {}, ZERO, "compensation_failed", undone="failed"))
    assert (story.state, story.run.failure_reason) == ("FAILED", "compensation_failed")
    story.do(CompensateRun("again"))
    assert [type(effect.call) for effect in story.last.owed] == [CompensateChild]


def test_a_child_that_does_not_let_itself_be_undone_stops_its_parent_too() -> None:
    story = parent()
    story.do(CompensateRun(""))
    story.fault(story.owing(CompensateChild), Fault(FaultKind.FAILED, "run_not_ended", "the child goes on"))
    assert (story.state, story.run.failure_reason) == ("FAILED", "compensation_failed")
    story.do(CompensateRun("again"))
    assert [type(effect.call) for effect in story.last.owed] == [CompensateChild]


def test_a_child_that_could_not_be_undone_says_so_once() -> None:
    story = Story(version([*undone_by("a")]), parent_run_id="wfr_0", parent_step_id="c", parent_attempt=1)
    story.complete("a")
    story.do(CompensateRun("", by_parent=True))
    story.report("undo_a", StepState.FAILED)
    assert [getattr(effect.call, "undone", "") for effect in story.last.owed] == ["failed"]
    assert isinstance(story.do(PauseRun("")), Refusal)
    assert story.last.empty


def test_a_completed_child_is_undone_for_its_parent_alone_and_says_so() -> None:
    story = Story(version([*undone_by("a")]), parent_run_id="wfr_0", parent_step_id="c", parent_attempt=1)
    story.complete("a")
    story.do(CompensateRun("with the parent", by_parent=True))
    story.complete("undo_a")
    (told,) = (effect.call for effect in story.last.owed)
    assert isinstance(told, TellParent)
    assert (story.state, told.state, told.undone) == ("COMPLETED", "COMPLETED", "done")


def test_a_child_with_nothing_to_undo_says_so_at_once() -> None:
    story = Story(version([step("a")]), parent_run_id="wfr_0", parent_step_id="c", parent_attempt=1)
    story.complete("a")
    story.do(CompensateRun("", by_parent=True))
    assert [getattr(effect.call, "undone", "") for effect in story.last.owed] == ["done"]
    assert replace(story.run.steps["a"]).state is StepState.COMPLETED


def test_a_list_that_undoes_is_stopped_with_the_walk_and_begins_anew() -> None:
    undo = agent("undo_a", config={"items": "compensated.output.all", "concurrency": 1})
    drawn = [step("a", compensation_step_id="undo_a"), undo, *undone_by("b"), step("last")]
    story = Story(version(drawn, edges("a>last", "b>last")))
    story.complete("a", all=["x", "y"])
    story.complete("b")
    story.report("last", StepState.FAILED)
    story.do(CompensateRun(""))
    story.link("undo_a[0]", "obj_1")
    story.report("undo_b", StepState.FAILED)
    story.hear_of("obj_1", "FAILED")
    assert (story.state, story.run.failure_reason) == ("FAILED", "compensation_failed")
    story.do(CompensateRun("again"))
    assert (story["undo_a"].state.value, story["undo_a[0]"].attempt) == ("RUNNING", 2)
