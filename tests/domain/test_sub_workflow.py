"""A run as the work of a step: what it is given, what it comes to, and news of the two that overtake each other."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from service.domain.answers import ChildStarted, Fault, FaultKind
from service.domain.beginning import begin
from service.domain.calls import CancelChild, StartChild, TellParent
from service.domain.commands import CancelRun, ChildEnded, EffectSucceeded, Envelope, StartRun
from service.domain.decision import Ignored
from service.domain.definition import RetryPolicy, StepDefinition, StepType, Trigger, TriggerType
from service.domain.errors import Refusal
from service.domain.plan import Plan
from service.domain.state import RunState, StepState
from tests.builders import NOW, Story, agent, alone, edges, step, version

ONCE_MORE = RetryPolicy(1, 5, 1.0)


def calling(**fields: Any) -> StepDefinition:
    config = {"workflow": {"name": "onboard"}, **fields.pop("config", {})}
    return step("sub", StepType.AGENT_ACTION, config=config, **fields)


def waiting(**fields: Any) -> Story:
    story = alone(calling(**fields))
    story.answer("sub/1/StartChild", ChildStarted("wfr_child"))
    return story


def ended(story: Story, state: RunState, cost: str = "0", **said: Any) -> Any:
    child = said.pop("child_run_id", "wfr_child")
    output, attempt = said.pop("output", {}), said.pop("attempt", story["sub"].attempt)
    return story.do(ChildEnded("sub", attempt, child, state, output, Decimal(cost), **said))


# --- starting one ----------------------------------------------------------------------------------------------------


def test_the_child_gets_what_it_is_and_where_it_comes_from() -> None:
    config = {"workflow": {"definition_id": "wf_2", "version": 3.0, "input": {"value": "input.deal * 2.0"}}}
    start = {"initiator_user_id": "ann", "entity_id": "ent_1", "entity_type": "ENTITY_TYPE_DEAL"}
    story = Story(version([calling(config=config)]), {"deal": 5}, depth=2, chain=("wf_0",), **start)
    assert story.calls(StartChild) == [
        StartChild(
            definition_id="wf_2",
            name="",
            version=3,
            input_payload={"value": 10.0},
            depth=3,
            chain=("wf_0", "wf_1"),
            initiator_agent_id="",
            initiator_user_id="ann",
            entity_id="ent_1",
            entity_type="ENTITY_TYPE_DEAL",
        )
    ]


def test_without_a_mapping_the_child_gets_the_steps_input() -> None:
    (call,) = alone(calling(config={"input": {"mine": "input.deal"}})).calls(StartChild)
    assert (call.name, call.version, call.input_payload) == ("onboard", 0, {"mine": 5.0})


def test_a_mapping_that_cannot_be_evaluated_fails_the_step() -> None:
    config = {"workflow": {"name": "onboard", "input": {"value": "input.no.such"}}}
    story = alone(calling(config=config))
    assert (story.state, story["sub"].error_reason) == ("FAILED", "condition_error")


@pytest.mark.parametrize("reason", ["workflow_not_found", "run_too_deep", "run_too_many_descendants", "wrong_parent"])
def test_a_child_that_cannot_be_started_fails_the_attempt(reason: str) -> None:
    story = alone(calling(retry_policy=ONCE_MORE))
    story.fault("sub/1/StartChild", Fault(FaultKind.FAILED, reason, "no"))
    assert story.states() == {"sub": "PENDING"}
    story.wait(6)
    story.fault("sub/2/StartChild", Fault(FaultKind.FAILED, reason, "no"))
    assert (story.state, story["sub"].error_reason) == ("FAILED", reason)


# --- its end ---------------------------------------------------------------------------------------------------------


def test_the_childs_output_and_cost_are_the_steps() -> None:
    story = waiting()
    assert story.states() == {"sub": "WAITING"}
    ended(story, RunState.COMPLETED, "0.3", output={"done": True})
    assert (story.state, story["sub"].output_payload) == ("COMPLETED", {"done": True})
    assert story["sub"].cost_usd == story.run.total_cost_usd == Decimal("0.3")


def test_a_failed_child_is_tried_again_and_each_attempt_has_its_cost() -> None:
    story = waiting(retry_policy=ONCE_MORE)
    ended(story, RunState.FAILED, "0.1", reason="task_rejected", message="step x: no")
    assert story["sub"].error_reason == "child_failed"
    assert "step x: no" in story["sub"].error_message
    story.wait(6)
    story.answer("sub/2/StartChild", ChildStarted("wfr_child2"))
    ended(story, RunState.COMPLETED, "0.2", child_run_id="wfr_child2")
    assert story.run.total_cost_usd == Decimal("0.3")
    ended(story, RunState.FAILED, "0.15", attempt=1)
    assert story.run.total_cost_usd == Decimal("0.35")


def test_a_cancelled_child_is_final() -> None:
    story = waiting(retry_policy=ONCE_MORE)
    ended(story, RunState.CANCELLED, message="not wanted")
    assert (story.state, story["sub"].error_reason) == ("FAILED", "child_cancelled")


def test_a_late_cost_of_the_child_counts_and_its_end_counts_once() -> None:
    story = waiting()
    ended(story, RunState.COMPLETED, "0.3")
    assert ended(story, RunState.COMPLETED, "0.3") == Ignored("attempt_over")
    ended(story, RunState.COMPLETED, "0.4")
    assert story.run.total_cost_usd == Decimal("0.4")
    assert story.told()[-1] == "sub.updated"


def test_a_child_may_end_before_it_is_known_to_have_started() -> None:
    story = alone(calling())
    ended(story, RunState.COMPLETED, output={"done": True})
    assert story.state == "COMPLETED"
    assert story.answer("sub/1/StartChild", ChildStarted("wfr_child")) == Ignored("attempt_over")
    assert story.calls(CancelChild) == []


def test_an_end_for_nobody_is_ignored() -> None:
    story = waiting()
    assert ended(story, RunState.COMPLETED, attempt=7) == Ignored("attempt_over")
    nobody = ChildEnded("nobody", 1, "wfr_child", RunState.COMPLETED, {}, Decimal(0))
    assert story.do(nobody) == Ignored("attempt_over")
    assert story.states() == {"sub": "WAITING"}


# --- children that are not wanted any more ---------------------------------------------------------------------------


def test_a_timeout_cancels_the_child() -> None:
    story = waiting(timeout_seconds=60)
    story.wait(60)
    assert story.calls(CancelChild) == [CancelChild("wfr_child", "the attempt timed out")]
    assert (story.state, story["sub"].error_reason) == ("FAILED", "timed_out")
    ended(story, RunState.CANCELLED, "0.2")
    assert story.run.total_cost_usd == Decimal("0.2")


def test_cancelling_and_failing_runs_cancel_their_children() -> None:
    story = waiting()
    story.do(CancelRun("no"))
    assert [call.run_id for call in story.calls(CancelChild)] == ["wfr_child"]
    failing = Story(version([calling(), step("bad")]))
    failing.answer("sub/1/StartChild", ChildStarted("wfr_child"))
    failing.report("bad", StepState.FAILED)
    assert failing.states() == {"sub": "CANCELLED", "bad": "FAILED"}
    assert [call.run_id for call in failing.calls(CancelChild)] == ["wfr_child"]


def test_a_child_that_started_too_late_is_cancelled() -> None:
    story = alone(calling(timeout_seconds=60))
    late = story.owes("sub/1/StartChild")
    story.wait(60)
    story.do(EffectSucceeded(late, ChildStarted("wfr_late")))
    assert story.calls(CancelChild) == [CancelChild("wfr_late", "the attempt was given up")]
    failing = Story(version([calling(), step("bad")]))
    failing.report("bad", StepState.FAILED)
    failing.answer("sub/1/StartChild", ChildStarted("wfr_child"))
    assert (failing.state, failing.states()["sub"]) == ("FAILED", "CANCELLED")
    assert [call.run_id for call in failing.calls(CancelChild)] == ["wfr_child"]


def test_nobody_reports_on_a_child_but_itself() -> None:
    verdict = waiting().report("sub", StepState.COMPLETED)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "report_not_taken"


# --- the child's side ------------------------------------------------------------------------------------------------


def child(*steps: StepDefinition) -> Story:
    parent: dict[str, Any] = {"parent_run_id": "wfr_0", "parent_step_id": "sub", "parent_attempt": 2}
    return Story(version(steps or [step("a")]), trigger_type=TriggerType.WORKFLOW, **parent)


def test_a_child_tells_its_end_once() -> None:
    story = child()
    story.complete("a", done=True)
    (call,) = story.calls(TellParent)
    assert (call.run_id, call.step_id, call.attempt, call.state) == ("wfr_0", "sub", 2, "COMPLETED")
    assert (call.output, call.cost_usd) == ({"done": True}, "0")
    story.wait(10)
    story.complete("a", done=True)
    assert len(story.calls(TellParent)) == 1


def test_a_child_tells_again_what_it_cost_after_all() -> None:
    story = child(agent("a"))
    story.link("a", "obj_1")
    story.objective("a", "COMPLETED", "0.1", done=True)
    story.objective("a", "COMPLETED", "0.3", done=True)
    assert [call.cost_usd for call in story.calls(TellParent)] == ["0.1", "0.3"]
    assert len({effect.id for effect in story.ever_owed}) == len(story.ever_owed)


def test_a_child_that_ends_as_it_begins_tells_so_too() -> None:
    story = child(step("b", StepType.BRANCH), step("p", StepType.PARALLEL))
    assert story.state == "FAILED"
    (call,) = story.calls(TellParent)
    assert (call.state, call.reason) == ("FAILED", "no_branch_matched")


def test_telling_never_fails_a_run() -> None:
    story = child()
    story.complete("a")
    story.fault(story.owing(TellParent), Fault(FaultKind.FAILED, "run_not_found", "gone"))
    assert story.state == "COMPLETED"
    assert story.audits[-1].reason == "run_not_found"


def test_a_run_of_its_own_tells_nobody() -> None:
    story = Story(version([step("a")]), parent_run_id="wfr_0")
    story.complete("a")
    assert story.calls(TellParent) == []


def test_a_line_of_parents_has_a_longest_length() -> None:
    assert Story(version([step("a")]), depth=16).state == "RUNNING"
    with pytest.raises(Refusal) as refused:
        Story(version([step("a")]), depth=17)
    assert refused.value.reason == "run_too_deep"


@pytest.mark.parametrize(("chain", "accepted"), [(("wf_0",), True), (("wf_0", "wf_9"), False), ((), False)])
def test_a_version_may_be_there_for_one_parent_alone(chain: tuple[str, ...], accepted: bool) -> None:
    only = Trigger(TriggerType.WORKFLOW, parent_workflow_id="wf_0")
    plan = Plan.of(replace(version([step("a")]), trigger=only))
    envelope = Envelope(StartRun("wfr_1", TriggerType.WORKFLOW, {}, chain=chain), "service:workflows", "run:wfr_0")
    if accepted:
        assert begin(plan, envelope, NOW).run.state is RunState.RUNNING
    else:
        with pytest.raises(Refusal, match="wf_0"):
            begin(plan, envelope, NOW)


def test_what_the_child_found_is_seen_downstream() -> None:
    drawn = version([calling(), step("after")], edges("sub>after if sub.output.ok"))
    story = Story(drawn)
    story.answer("sub/1/StartChild", ChildStarted("wfr_child"))
    ended(story, RunState.COMPLETED, output={"ok": True})
    assert story["after"].input_payload == {"ok": True}
