"""How runs move along graphs: joins, dead paths, branches, parallels, failing, completing."""

from typing import Any

import pytest

from service.domain.answers import ObjectiveCreated
from service.domain.calls import CancelObjective
from service.domain.commands import EffectSucceeded, TransitionStep
from service.domain.decision import Accepted, Ignored
from service.domain.definition import RetryPolicy, StepType
from service.domain.effects import Owed
from service.domain.state import RunState, StepState
from tests.builders import Story, agent, chain, edges, step, version

DONE = StepState.COMPLETED


def test_a_chain_runs_step_by_step_to_its_end() -> None:
    story = Story(chain(3), {"lead": 1})
    assert story.states() == {"s0": "WAITING", "s1": "PENDING", "s2": "PENDING"}
    story.complete("s0", a=1)
    assert story["s1"].input_payload == {"a": 1}
    story.complete("s1", b=2)
    story.complete("s2", c=3)
    assert story.state == "COMPLETED"
    assert story.run.output_payload == {"c": 3}
    assert story.told()[:3] == ["run.started", "s0.waiting", "s0.completed"]
    assert [event.sequence for event in story.events] == list(range(1, len(story.events) + 1))


def test_a_chain_of_branches_is_one_decision() -> None:
    branches = [step(f"b{number}", StepType.BRANCH) for number in range(5)]
    drawn = version([step("s"), *branches, step("e")], edges("s>b0", "b0>b1", "b1>b2", "b2>b3", "b3>b4", "b4>e"))
    story = Story(drawn)
    story.complete("s", x=1)
    assert story.states()["e"] == "WAITING"
    assert story["e"].input_payload == {"x": 1}
    assert len(story.last.events) == 1 + 5 * 2 + 1


def test_a_join_fires_once_when_every_edge_is_decided() -> None:
    story = Story(version([step("a"), step("b"), step("j")], edges("a>j", "b>j")))
    story.complete("a", x=1, shared="a")
    assert story.states()["j"] == "PENDING"
    story.complete("b", y=2, shared="b")
    assert story["j"].input_payload == {"x": 1, "y": 2, "shared": "b"}
    assert story.told().count("j.waiting") == 1


def test_dead_paths_skip_and_never_block_a_join() -> None:
    drawn = version(
        [step("s"), step("r", StepType.BRANCH), step("high"), step("deep"), step("low"), step("j")],
        edges("s>r", "r>high if v >= 10", "high>deep", "deep>j", "r>low if v < 10", "low>j"),
    )
    story = Story(drawn)
    story.complete("s", v=3)
    assert story.states() == {
        "s": "COMPLETED", "r": "COMPLETED", "high": "SKIPPED", "deep": "SKIPPED", "low": "WAITING", "j": "PENDING",
    }  # fmt: skip
    story.complete("low", done=True)
    story.complete("j")
    assert story.state == "COMPLETED"


@pytest.mark.parametrize(
    ("value", "selected"), [(60000.0, "big"), (5, "small"), (50000, "big"), (None, None), ("text", None)]
)
def test_a_branch_follows_the_first_edge_that_holds(value: Any, selected: str | None) -> None:
    drawn = version(
        [step("s"), step("r", StepType.BRANCH, condition_expr="s.output.value"), step("big"), step("small")],
        edges("s>r", "r>big if value >= 50000", "r>small if value < 50000"),
    )
    story = Story(drawn)
    story.complete("s", value=value)
    if selected:
        assert story["r"].output_payload == {"selected_edge": selected, "value": value}
        assert story[selected].state is StepState.WAITING
    else:
        assert story["r"].error_reason == "condition_error"
        assert story.state == "FAILED"


def test_the_default_edge_is_considered_last_wherever_it_stands() -> None:
    drawn = version(
        [step("s"), step("r", StepType.BRANCH), step("other"), step("one")], edges("s>r", "r>other", "r>one if v == 1")
    )
    story = Story(drawn)
    story.complete("s", v=1)
    assert (story["one"].state, story["other"].state) == (StepState.WAITING, StepState.SKIPPED)


def test_no_branch_matched_names_the_value() -> None:
    drawn = version(
        [step("s"), step("r", StepType.BRANCH, condition_expr="s.output.v"), step("one")],
        edges("s>r", "r>one if v == 1"),
    )
    story = Story(drawn)
    story.complete("s", v=2)
    assert story["r"].error_reason == "no_branch_matched"
    assert "v = 2" in story["r"].error_message


def test_parallel_opens_its_children_and_closes_after_them() -> None:
    drawn = version([step("p", StepType.PARALLEL), step("a"), step("b"), step("j")], edges("p>a", "p>b", "a>j", "b>j"))
    story = Story(drawn, {"x": 1})
    assert story.states() == {"p": "RUNNING", "a": "WAITING", "b": "WAITING", "j": "PENDING"}
    assert story["a"].input_payload == {"x": 1}
    story.complete("a")
    story.complete("b")
    assert story.states()["p"] == "COMPLETED"
    story.complete("j")
    assert story.state == "COMPLETED"


def test_a_failed_child_fails_its_parallel_and_the_run() -> None:
    drawn = version([step("p", StepType.PARALLEL), step("a"), step("b")], edges("p>a", "p>b"))
    story = Story(drawn)
    story.report("a", StepState.FAILED, error_message="no")
    assert story.states() == {"p": "FAILED", "a": "FAILED", "b": "CANCELLED"}
    assert story.state == "FAILED"


def test_a_failing_run_drains_what_is_in_flight() -> None:
    drawn = version([agent("busy"), step("bad"), step("later"), step("after")], edges("busy>after", "bad>later"))
    story = Story(drawn)
    story.report("bad", StepState.FAILED, error_message="no")
    assert story.state == "RUNNING"
    assert story.run.failing
    story.complete("busy", result="kept")
    assert story.states() == {"busy": "COMPLETED", "bad": "FAILED", "later": "PENDING", "after": "PENDING"}
    assert story.state == "FAILED"
    assert story["busy"].output_payload == {"result": "kept"}


def test_a_step_in_backoff_fails_with_its_last_error_when_the_run_fails() -> None:
    drawn = version([agent("flaky"), step("bad")], retry=RetryPolicy(3, 30, 2.0))
    story = Story(drawn)
    story.report("flaky", StepState.FAILED, error_message="first")
    assert story.states()["flaky"] == "PENDING"
    story.report("bad", StepState.FAILED, error_message="no")
    assert story.states()["flaky"] == "FAILED"
    assert story["flaky"].error_message == "first"
    assert story.state == "FAILED"


def test_on_failure_continue_turns_a_failure_into_data() -> None:
    drawn = version(
        [step("a", config={"on_failure": "continue"}), step("ok"), step("bad")],
        edges("a>ok if error == null", "a>bad if error != null"),
    )
    story = Story(drawn)
    story.report("a", StepState.FAILED, error_message="no luck")
    assert story.states()["a"] == "COMPLETED"
    assert story["a"].output_payload == {"error": {"reason": "task_rejected", "message": "no luck"}}
    assert (story["ok"].state, story["bad"].state) == (StepState.SKIPPED, StepState.WAITING)


def test_an_edge_that_cannot_be_evaluated_fails_its_source() -> None:
    story = Story(version([step("a"), step("b")], edges("a>b if deep.er > 1")))
    story.complete("a", deep={})
    assert story["a"].error_reason == "condition_error"
    assert "er" in story["a"].error_message
    assert story.state == "FAILED"


def test_what_is_too_large_to_hand_down_fails_its_step() -> None:
    story = Story(chain(2))
    story.complete("s0", text="x" * (256 * 1024))
    assert story["s0"].error_reason == "payload_too_large"


def test_config_input_replaces_the_default_input() -> None:
    drawn = version(
        [step("a"), step("b", config={"input": {"mail": "input.email", "score": 'steps["a"].output.score'}})],
        edges("a>b"),
    )
    story = Story(drawn, {"email": "x@y"})
    story.complete("a", score=7)
    assert story["b"].input_payload == {"mail": "x@y", "score": 7}


def test_folded_commands_get_a_verdict_each_and_a_refusal_harms_nobody() -> None:
    story = Story(version([step("a"), step("b")]))
    story.do(
        TransitionStep("a", DONE, output_payload={"x": 1}),
        TransitionStep("nobody", DONE),
        TransitionStep("b", DONE),
    )
    kinds = [type(verdict).__name__ for verdict in story.last.verdicts]
    assert kinds == ["Accepted", "Refusal", "Accepted"]
    assert isinstance(story.last.verdicts[0], Accepted)
    assert story.state == "COMPLETED"


def test_a_runs_own_timeout_cancels_what_is_in_flight() -> None:
    story = Story(version([agent("a"), step("b"), step("c")], edges("b>c"), timeout_seconds=600))
    story.link("a", "obj_1")
    story.wait(600)
    assert story.states() == {"a": "CANCELLED", "b": "CANCELLED", "c": "PENDING"}
    assert (story.run.state, story.run.failure_reason) == (RunState.FAILED, "run_timed_out")
    assert story.calls(CancelObjective) == [CancelObjective("obj_1", "the run reached its timeout")]


def test_an_unexpected_answer_is_audited_and_changes_nothing() -> None:
    story = Story(chain(1))
    odd = EffectSucceeded(Owed("s0/1/CreateObjective", "s0", 1, "CreateObjective", 1), ObjectiveCreated("obj_1", "x"))
    assert story.do(odd) == Ignored("unexpected_answer")
    assert story.last.events == ()
    assert len(story.audits) == 1


def test_the_only_way_of_a_branch_is_decided_once() -> None:
    drawn = version([step("b", StepType.BRANCH), step("x")], edges("b>x if selected_edge == null"))
    assert Story(drawn).states() == {"b": "COMPLETED", "x": "WAITING"}


def test_what_a_step_cost_counts_also_when_it_cannot_complete() -> None:
    story = Story(version([agent("a"), step("x")], edges("a>x if a.output.nobody > 1.0")))
    story.link("a", "obj_1")
    story.objective("a", "COMPLETED", "2")
    assert (story["a"].error_reason, str(story.run.total_cost_usd)) == ("condition_error", "2")
