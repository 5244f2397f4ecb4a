"""Names that expressions have in special places: what a compensation undoes, and what an edge's source has become."""

import pytest

from service.domain.definition import RetryPolicy, StepType
from service.domain.scope import evaluate_all
from service.domain.state import StepState
from service.domain.turn import Turn
from tests.builders import NO, Story, agent, alone, edges, step, version


def test_a_compensation_step_sees_what_it_undoes_and_what_that_step_saw() -> None:
    names = {
        "state": "compensated.state",
        "was": "compensated.output.id",
        "before": "first.output.x",
        "by_id": 'steps["do"].output.id',
    }
    steps = [step("first"), step("do", compensation_step_id="undo"), step("undo", config={"input": names})]
    story = Story(version(steps, edges("first>do")))
    story.complete("first", x=1)
    story.complete("do", id="doc_1")
    turn = Turn(story.plan, story.run, story.now)
    programs = story.plan.steps["undo"].input
    assert programs is not None
    found = evaluate_all(programs, turn, "undo")
    assert found == {"state": "COMPLETED", "was": "doc_1", "before": 1.0, "by_id": "doc_1"}


@pytest.mark.parametrize(
    "condition",
    ["a.output.score > 3", 'steps["a"].output.score > 3', "a.state == 'COMPLETED'", "score > 3", "a.error == null"],
)
def test_an_edge_sees_its_source_as_it_ends(condition: str) -> None:
    story = Story(version([step("a"), step("b")], edges(f"a>b if {condition}")))
    story.complete("a", score=5)
    assert story.states() == {"a": "COMPLETED", "b": "WAITING"}


def test_an_edge_sees_the_failure_it_continues_after() -> None:
    drawn = version(
        [step("a", config={"on_failure": "continue"}), step("b")], edges("a>b if a.error.reason == 'task_rejected'")
    )
    story = Story(drawn)
    story.report("a", StepState.FAILED, error_message="no")
    assert story.states() == {"a": "COMPLETED", "b": "WAITING"}


def test_the_edges_of_a_branch_see_what_it_found() -> None:
    route = step("r", StepType.BRANCH, condition_expr="input.deal")
    story = Story(version([route, step("b")], edges("r>b if r.output.deal == 5")), {"deal": 5})
    assert story.states() == {"r": "COMPLETED", "b": "WAITING"}


def test_a_step_sees_how_often_another_was_tried() -> None:
    late = step("late", config={"input": {"tries": "a.retry_count", "cost": "a.cost_usd"}})
    story = Story(version([agent("a", retry_policy=RetryPolicy(1, 5, 1.0)), late], edges("a>late")))
    story.fault("a/1/PrepareObjective", NO)
    story.wait(6)
    story.link("a", "obj_2")
    story.objective("a", "COMPLETED", "0.25")
    assert story["late"].input_payload == {"tries": 1.0, "cost": 0.25}


def test_what_is_too_large_to_pass_on_cannot_be_continued_with() -> None:
    notify = step("n", StepType.NOTIFICATION, config={"on_failure": "continue"})
    story = alone(notify, {"text": "x" * (256 * 1024)})
    story.complete("n")
    assert (story.state, story["n"].error_reason) == ("FAILED", "payload_too_large")
