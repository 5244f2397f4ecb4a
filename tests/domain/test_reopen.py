"""An operator lets a failed run go on, or begins another one from it."""

from datetime import timedelta

import pytest

from service.domain.beginning import fork
from service.domain.commands import CompensateRun, Envelope, ForkRun, RetryStep, SkipStep
from service.domain.decision import Decision
from service.domain.definition import StepType, Version
from service.domain.errors import Refusal
from service.domain.plan import Plan
from service.domain.state import StepState
from tests.builders import NOW, Story, agent, chain, edges, step, version


@pytest.fixture
def failed() -> Story:
    """s0 completed, s1 failed, s2 never began."""
    story = Story(chain(3), {"deal": 5})
    story.complete("s0", n=1)
    story.report("s1", StepState.FAILED, error_message="no")
    assert story.state == "FAILED"
    return story


def test_a_failed_step_is_tried_again_and_the_rest_goes_on(failed: Story) -> None:
    failed.do(RetryStep("s1", "the list is fixed"), actor="user:ops")
    assert (failed.state, failed.states()["s1"], failed["s1"].attempt) == ("RUNNING", "WAITING", 2)
    assert failed["s1"].input_payload == {"n": 1}
    (retried,) = (event for event in failed.events if event.operation == "retrying")
    assert retried.step is not None
    assert (retried.actor, retried.step.evidence["retry_reason"]) == ("user:ops", "the list is fixed")
    assert (failed.run.failure_reason, failed.run.completed_at) == ("", None)
    assert failed.told()[-3:] == ["s1.retrying", "run.resume", "s1.waiting"]
    failed.complete("s1")
    failed.complete("s2")
    assert failed.state == "COMPLETED"


def test_a_failed_step_can_be_done_without(failed: Story) -> None:
    failed.do(SkipStep("s1", "not needed"))
    assert failed.states() == {"s0": "COMPLETED", "s1": "SKIPPED", "s2": "SKIPPED"}
    assert failed["s1"].error_message == "not needed"
    assert failed.state == "COMPLETED"


def test_the_run_goes_on_when_no_failed_step_is_left() -> None:
    story = Story(version([agent("a"), agent("b"), step("w"), step("z")], edges("a>z", "b>z", "w>z")))
    story.link("a", "obj_a")
    story.link("b", "obj_b")
    story.objective("a", "FAILED")
    story.objective("b", "FAILED")
    assert (story.state, story.states()["w"]) == ("FAILED", "CANCELLED")
    story.do(RetryStep("a", ""))
    assert (story.state, story.states()["a"]) == ("FAILED", "PENDING")
    story.do(RetryStep("b", ""))
    assert story.state == "RUNNING"
    assert story.states() == {"a": "RUNNING", "b": "RUNNING", "w": "WAITING", "z": "PENDING"}
    assert (story["a"].attempt, story["w"].attempt) == (2, 2)


def test_a_parallel_opens_again_with_its_child() -> None:
    drawn = version([step("p", StepType.PARALLEL), step("x"), step("y"), step("z")], edges("p>x", "p>y", "x>z", "y>z"))
    story = Story(drawn)
    story.complete("y")
    story.report("x", StepState.FAILED)
    assert story.states()["p"] == "FAILED"
    story.do(RetryStep("x", ""))
    assert story.states() == {"p": "RUNNING", "x": "WAITING", "y": "COMPLETED", "z": "PENDING"}
    story.complete("x")
    story.complete("z")
    assert story.state == "COMPLETED"


def test_the_run_has_as_long_again_as_at_first() -> None:
    story = Story(version([step("a")], timeout_seconds=600))
    for _ in range(2):
        story.wait(500)
        story.report("a", StepState.FAILED)
        story.wait(5000)
        story.do(RetryStep("a", ""))
        assert story.run.deadline_at == story.now + timedelta(seconds=600)


@pytest.mark.parametrize(
    ("step_id", "reason"), [("s0", "step_not_failed"), ("s2", "step_not_failed"), ("nobody", "step_not_found")]
)
def test_only_failed_steps_are_tried_again(failed: Story, step_id: str, reason: str) -> None:
    refused = failed.do(RetryStep(step_id, ""))
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


def test_what_was_compensated_is_not_reopened(failed: Story) -> None:
    failed.do(CompensateRun(""))
    refused = failed.do(RetryStep("s1", ""))
    assert isinstance(refused, Refusal)
    assert refused.reason == "run_compensated"


# --- forks -----------------------------------------------------------------------------------------------------------


def forked(story: Story, step_id: str, drawn: Version | None = None) -> Decision:
    plan = Plan.of(drawn) if drawn else story.plan
    return fork(plan, story.run, Envelope(ForkRun("wfr_2", step_id, "why"), "user:ops", "rpc:3"), NOW)


def test_a_fork_keeps_what_came_before_the_step(failed: Story) -> None:
    before = failed.run
    run = forked(failed, "s1").run
    assert {key: found.state.value for key, found in run.steps.items()} == {
        "s0": "COMPLETED",
        "s1": "WAITING",
        "s2": "PENDING",
    }
    assert (run.id, run.forked_from, run.forked_step) == ("wfr_2", "wfr_1", "s1")
    assert (run.input_payload, run.steps["s1"].input_payload) == ({"deal": 5}, {"n": 1})
    assert run.steps["s1"].evidence["fork_reason"] == "why"
    assert failed.run is before


def test_a_fork_from_the_first_step_begins_anew(failed: Story) -> None:
    assert forked(failed, "s0").run.steps["s0"].state is StepState.WAITING


def test_a_fork_keeps_the_way_a_branch_has_taken() -> None:
    drawn = version(
        [step("b", StepType.BRANCH), step("x"), step("y")], edges("b>x if input.deal > 3.0", "b>y if input.deal < 3.0")
    )
    story = Story(drawn, {"deal": 5.0})
    story.complete("x")
    run = forked(story, "x").run
    assert {key: found.state.value for key, found in run.steps.items()} == {
        "b": "COMPLETED",
        "x": "WAITING",
        "y": "SKIPPED",
    }


def test_a_fork_keeps_the_finished_children_of_a_parallel() -> None:
    drawn = version([step("p", StepType.PARALLEL), step("x"), step("y")], edges("p>x", "p>y"))
    story = Story(drawn)
    story.complete("x")
    story.complete("y")
    run = forked(story, "y").run
    assert [run.steps[name].state.value for name in "pxy"] == ["RUNNING", "COMPLETED", "WAITING"]


def test_a_fork_may_follow_another_version(failed: Story) -> None:
    drawn = version([step("s0"), step("new"), step("s1")], edges("s0>new", "new>s1"))
    run = forked(failed, "s1", drawn).run
    assert [run.steps[name].state.value for name in ("s0", "new", "s1")] == ["COMPLETED", "WAITING", "PENDING"]


def test_a_fork_names_a_step_of_the_graph(failed: Story) -> None:
    with pytest.raises(Refusal, match="nobody"):
        forked(failed, "nobody")
