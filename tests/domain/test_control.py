"""Pausing, resuming and cancelling: what stops, what goes on, and who may say so."""

import pytest

from service.domain.answers import ChildStarted, Fault, FaultKind
from service.domain.calls import CancelChild, CancelObjective, PauseChild, ResumeChild
from service.domain.commands import PARENT, CancelRun, PauseRun, ResumeRun
from service.domain.decision import Accepted, Ignored
from service.domain.definition import RetryPolicy, StepType
from service.domain.errors import Refusal
from tests.builders import Story, agent, chain, edges, step, version

NO = Fault(FaultKind.FAILED, "not_found", "no such agent")


def child(step_id: str = "c") -> Story:
    story = Story(version([step(step_id, StepType.AGENT_ACTION, config={"workflow": {"name": "other"}})]))
    story.answer(f"{step_id}/1/StartChild", ChildStarted("wfr_child"))
    return story


def test_what_is_under_way_finishes_and_nothing_new_starts() -> None:
    story = Story(chain(2, agent))
    story.link("s0", "obj_1")
    story.do(PauseRun("lunch"), actor="user:mia")
    assert story.run.pauses == {"caller": {"by": "user:mia", "at": story.now.isoformat(), "reason": "lunch"}}
    assert (story.state, story.run.drained) == ("PAUSED", False)
    story.objective("s0", "COMPLETED", "0.01", n=1)
    assert (story.state, story.states()) == ("PAUSED", {"s0": "COMPLETED", "s1": "PENDING"})
    assert (story.told()[-2:], story.run.drained) == (["s0.completed", "run.pause"], True)
    story.do(ResumeRun())
    assert (story.state, story.states()["s1"], story.run.pauses) == ("RUNNING", "RUNNING", {})


def test_pausing_again_is_accepted_and_tells_nobody() -> None:
    story = Story(chain(1))
    story.do(PauseRun("first"))
    assert isinstance(story.do(PauseRun("second")), Accepted)
    assert story.last.events == ()
    assert story.run.pauses["caller"]["reason"] == "first"


def test_a_retry_waits_for_being_resumed_and_then_starts_once() -> None:
    story = Story(version([agent("a", retry_policy=RetryPolicy(1, 30, 1.0))]))
    story.fault("a/1/PrepareObjective", NO)
    story.do(PauseRun(""))
    assert story.run.wake_at is None
    story.wait(100)
    assert story.states() == {"a": "PENDING"}
    story.do(ResumeRun())
    assert (story["a"].state.value, story["a"].attempt) == ("RUNNING", 2)
    story.wait(100)
    assert story["a"].attempt == 2


def test_timeouts_keep_running_in_a_paused_run() -> None:
    story = Story(version([agent("a", timeout_seconds=60), step("b")], timeout_seconds=600))
    story.do(PauseRun(""))
    story.wait(60)
    assert (story.state, story.states()["a"]) == ("PAUSED", "FAILED")
    story.do(ResumeRun())
    assert (story.state, story.run.failure_reason) == ("FAILED", "timed_out")


def test_a_paused_run_ends_by_its_own_timeout() -> None:
    story = Story(version([step("b")], timeout_seconds=600))
    story.do(PauseRun(""))
    story.wait(600)
    assert (story.state, story.run.failure_reason, story.run.pauses) == ("FAILED", "run_timed_out", {})


def test_a_step_in_backoff_ends_with_its_last_error_when_a_paused_run_times_out() -> None:
    drawn = version([agent("a", retry_policy=RetryPolicy(1, 30, 1.0))], timeout_seconds=600)
    story = Story(drawn)
    story.fault("a/1/PrepareObjective", NO)
    story.do(PauseRun(""))
    story.wait(600)
    assert (story.state, story.states(), story["a"].error_reason) == ("FAILED", {"a": "FAILED"}, "not_found")


@pytest.mark.parametrize("command", [PauseRun(""), ResumeRun(), CancelRun("")])
def test_a_run_that_has_ended_takes_no_control(command: PauseRun | ResumeRun | CancelRun) -> None:
    story = Story(chain(1))
    story.complete("s0")
    assert isinstance(story.do(command), Refusal)
    assert story.last.empty


def test_cancelling_takes_back_what_is_under_way_and_is_accepted_again() -> None:
    story = Story(version([agent("a"), step("b"), step("c")], edges("b>c")))
    story.link("a", "obj_1")
    story.do(CancelRun("changed our mind"))
    assert story.states() == dict.fromkeys("abc", "CANCELLED")
    assert (story.run.failure_reason, story.run.failure_message) == ("cancelled", "changed our mind")
    assert CancelObjective("obj_1", "changed our mind") in [effect.call for effect in story.last.owed]
    assert isinstance(story.do(CancelRun("again")), Accepted)
    assert story.last.empty


def test_what_completes_after_all_is_recorded_and_revives_nothing() -> None:
    story = Story(chain(2, agent))
    story.link("s0", "obj_1")
    story.do(CancelRun(""))
    story.objective("s0", "COMPLETED", "0.03", n=1)
    assert story.states() == {"s0": "CANCELLED", "s1": "CANCELLED"}
    assert story["s0"].evidence["completed_after_all"]
    assert str(story.run.total_cost_usd) == "0.03"
    assert story.objective("s0", "COMPLETED", "0.03", n=1) == Ignored("attempt_over")


# --- parents and children --------------------------------------------------------------------------------------------


def test_children_are_paused_and_resumed_with_their_parent() -> None:
    story = child()
    story.do(PauseRun("lunch"))
    paused = [effect.call for effect in story.last.owed]
    assert paused == [PauseChild("wfr_child", "lunch", story.run.sequence)]
    story.do(ResumeRun())
    assert [effect.call for effect in story.last.owed] == [ResumeChild("wfr_child", story.run.sequence)]


def test_a_child_that_has_started_meanwhile_is_paused_too() -> None:
    story = Story(version([step("c", StepType.AGENT_ACTION, config={"workflow": {"name": "other"}})]))
    story.do(PauseRun("lunch"))
    story.answer("c/1/StartChild", ChildStarted("wfr_child"))
    assert [type(effect.call) for effect in story.last.owed] == [PauseChild]


def test_a_cancelled_parent_cancels_its_child() -> None:
    story = child()
    story.do(CancelRun("over"))
    assert [effect.call for effect in story.last.owed] == [CancelChild("wfr_child", "over")]


def test_a_run_goes_on_when_nobody_pauses_it_any_more() -> None:
    story = Story(chain(1))
    story.do(PauseRun("ours"))
    story.do(PauseRun("with the parent", PARENT, 7))
    story.do(ResumeRun())
    assert (story.state, list(story.run.pauses)) == ("PAUSED", ["parent"])
    refused = story.do(ResumeRun())
    assert isinstance(refused, Refusal)
    assert refused.reason == "paused_by_parent"
    story.do(ResumeRun(PARENT, 9))
    assert story.state == "RUNNING"


def test_words_of_the_parent_that_overtake_each_other_end_in_the_last() -> None:
    story = Story(chain(1))
    story.do(ResumeRun(PARENT, 9))
    assert story.do(PauseRun("late", PARENT, 7)) == Ignored("older_word")
    assert story.state == "RUNNING"
