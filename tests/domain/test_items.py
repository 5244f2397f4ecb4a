"""A step that works through a list: order, concurrency, batches, retries, tolerated failures, reports on items."""

from decimal import Decimal
from typing import Any

import pytest

from service.domain.calls import CancelObjective, CreateObjective, PrepareObjective
from service.domain.commands import TransitionStep
from service.domain.decision import Accepted
from service.domain.definition import RetryPolicy
from service.domain.errors import Refusal
from service.domain.state import StepState
from tests.builders import NO, Story, agent, edges, step, version

DONE, FAILED = StepState.COMPLETED, StepState.FAILED


def working(values: Any, retry: RetryPolicy | None = None, timeout_seconds: int = 0, **config: Any) -> Story:
    """A run of one step, `each`, that works through the values."""
    config = {"items": "input.values", **config}
    each = agent("each", retry_policy=retry, timeout_seconds=timeout_seconds, config=config)
    return Story(version([each]), {"values": values})


def open_items(story: Story) -> list[int]:
    return [index for index, item in enumerate(story.run.items.values()) if item.state.open]


def finish(story: Story, index: int, state: str = "COMPLETED", cost: str | None = None, **output: Any) -> None:
    key = f"each[{index}]"
    story.link(key, f"obj_{index}_{story[key].attempt}")
    story.objective(key, state, cost, **output)


# --- the main line ---------------------------------------------------------------------------------------------------


def test_every_item_gets_an_objective_of_its_own() -> None:
    story = working(["x", "y"])
    assert story.calls(PrepareObjective) == [PrepareObjective("agent_1", "", "", "")] * 2
    story.link("each[1]", "obj_1")
    (call,) = story.calls(CreateObjective)
    assert call.marker == "wfr_1/each[1]/1"
    assert story["each[1]"].input_payload == {"values": ["x", "y"], "item": "y", "index": 1}


def test_the_outputs_come_in_the_order_of_the_list() -> None:
    story = working(["x", "y", "z"])
    for index in (2, 0, 1):
        finish(story, index, n=index)
    assert story["each"].output_payload == {"items": [{"n": 0}, {"n": 1}, {"n": 2}]}
    assert story.run.output_payload == story["each"].output_payload
    assert story.state == "COMPLETED"


def test_item_and_index_are_names_in_the_input() -> None:
    story = working(
        [{"mail": "a@x"}, {"mail": "b@x"}], input={"to": "item.mail", "at": "index", "all": "size(input.values)"}
    )
    assert story["each[1]"].input_payload == {"to": "b@x", "at": 1.0, "all": 2}


def test_an_empty_list_is_done_at_once() -> None:
    story = working([])
    assert (story.state, story["each"].output_payload) == ("COMPLETED", {"items": []})


@pytest.mark.parametrize("values", ["text", 5, None, {"a": 1}])
def test_what_is_no_list_fails_the_step(values: Any) -> None:
    story = working(values, retry=RetryPolicy(3, 1, 1.0))
    assert (story.state, story["each"].error_reason) == ("FAILED", "items_not_a_list")


def test_a_list_has_a_longest_length() -> None:
    assert len(working(list(range(2000))).run.items) == 2000
    story = working(list(range(2001)))
    assert (story.state, story["each"].error_reason) == ("FAILED", "too_many_items")
    assert story.run.items == {}


def test_an_expression_that_cannot_be_evaluated_for_one_item_fails_that_item() -> None:
    story = working([{"mail": "a@x"}, {}], tolerated_failures=1, input={"to": "item.mail"})
    assert (story["each[0]"].input_payload, story["each[1]"].error_reason) == ({"to": "a@x"}, "condition_error")
    finish(story, 0)
    assert [("error" in result) for result in story["each"].output_payload["items"]] == [False, True]


def test_an_item_is_given_its_input_when_it_starts() -> None:
    story = working(["a", "b"], concurrency=1)
    assert (story["each[0]"].input_payload["item"], story["each[1]"].input_payload) == ("a", {})
    finish(story, 0)
    assert story["each[1]"].input_payload["item"] == "b"


# --- how many at once ------------------------------------------------------------------------------------------------


def test_at_most_so_many_go_at_once() -> None:
    story = working(list(range(6)), concurrency=2)
    assert open_items(story) == [0, 1]
    finish(story, 1)
    assert open_items(story) == [0, 2]
    finish(story, 2)
    assert open_items(story) == [0, 3]


def test_ten_go_at_once_when_nothing_is_said() -> None:
    assert open_items(working(list(range(12)))) == list(range(10))


def test_a_batch_begins_when_the_one_before_has_ended() -> None:
    story = working(list(range(5)), concurrency=10, batch_size=2)
    assert open_items(story) == [0, 1]
    finish(story, 0)
    assert open_items(story) == [1]
    finish(story, 1)
    assert open_items(story) == [2, 3]
    for index in (2, 3, 4):
        finish(story, index)
    assert story.state == "COMPLETED"


def test_an_item_in_backoff_holds_its_batch_but_no_place() -> None:
    story = working(list(range(4)), RetryPolicy(1, 30, 1.0), concurrency=1, batch_size=2)
    finish(story, 0, "FAILED")
    assert story["each[0]"].state is StepState.PENDING
    assert open_items(story) == [1]
    finish(story, 1)
    assert open_items(story) == []
    assert story.run.wake_at == story["each[0]"].retry_at
    story.wait(33)
    assert open_items(story) == [0]


# --- failures --------------------------------------------------------------------------------------------------------


def test_an_item_is_tried_again_by_itself() -> None:
    story = working(["x", "y"], RetryPolicy(1, 30, 1.0))
    finish(story, 0, "FAILED", "0.01")
    finish(story, 1, cost="0.02", n=1)
    assert (story["each[0]"].retry_count, story["each"].retry_count) == (1, 0)
    story.wait(33)
    finish(story, 0, cost="0.04", n=0)
    assert story["each"].output_payload == {"items": [{"n": 0}, {"n": 1}]}
    assert story["each"].cost_usd == story.run.total_cost_usd == Decimal("0.07")


def test_tolerated_failures_are_shown_where_their_results_would_be() -> None:
    story = working(["x", "y", "z"], tolerated_failures=1)
    finish(story, 0, n=0)
    finish(story, 1, "FAILED")
    finish(story, 2, n=2)
    error = {"error": {"reason": "objective_failed", "message": "said so"}}
    assert story["each"].output_payload == {"items": [{"n": 0}, error, {"n": 2}]}


def test_one_failure_too_many_ends_the_step_and_cancels_the_rest() -> None:
    story = working(list(range(5)), tolerated_failures=1, concurrency=3)
    for index in (0, 1, 2):
        story.link(f"each[{index}]", f"obj_{index}")
    story.objective("each[0]", "FAILED")
    assert story.states() == {"each": "RUNNING"}
    story.objective("each[1]", "FAILED")
    assert story["each"].error_reason == "too_many_failures"
    assert story["each"].error_message == "2 of 5 items failed; each[0]: said so"
    assert [item.state.value for item in story.run.items.values()] == ["FAILED", "FAILED", *["CANCELLED"] * 3]
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_2"]
    assert story.state == "FAILED"


def test_too_many_failures_can_be_continued_with() -> None:
    story = working(["x"], on_failure="continue")
    finish(story, 0, "FAILED")
    assert story["each[0]"].state is FAILED
    assert story.state == "COMPLETED"
    assert story["each"].output_payload["error"]["reason"] == "too_many_failures"


def test_a_timeout_is_that_of_one_item() -> None:
    story = working(["x", "y"], RetryPolicy(1, 5, 1.0), timeout_seconds=60, concurrency=1)
    story.wait(50)
    finish(story, 0)
    story.wait(50)
    assert story.states() == {"each": "RUNNING"}
    story.link("each[1]", "obj_1")
    story.wait(10)
    assert (story["each[1]"].state, story["each[1]"].error_reason) == (StepState.PENDING, "timed_out")
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]


def test_a_failed_look_up_is_its_items_alone() -> None:
    story = working(["x", "y"], tolerated_failures=1)
    story.fault("each[0]/1/PrepareObjective", NO)
    finish(story, 1)
    assert story["each"].output_payload["items"][0]["error"]["reason"] == "not_found"
    assert story.state == "COMPLETED"


# --- reports ---------------------------------------------------------------------------------------------------------


def test_a_report_says_by_the_objective_which_item_it_means() -> None:
    story = working(["x", "y"])
    story.link("each[0]", "obj_0")
    story.link("each[1]", "obj_1")
    report = TransitionStep("each", DONE, objective_id="obj_1", output_payload={"n": 1}, cost_usd=Decimal("0.5"))
    assert isinstance(story.do(report), Accepted)
    assert (story["each[1]"].state, story["each[0]"].state) == (DONE, StepState.RUNNING)
    assert story["each"].cost_usd == Decimal("0.5")
    told = story.told()
    assert isinstance(story.do(report), Accepted)
    assert story.told() == told


@pytest.mark.parametrize("objective_id", ["", "obj_other"])
def test_a_report_that_names_no_item_is_ambiguous(objective_id: str) -> None:
    story = working(["x", "y"])
    story.link("each[0]", "obj_0")
    verdict = story.report("each", DONE, objective_id=objective_id)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "item_ambiguous"


def test_a_report_of_an_items_earlier_attempt_is_refused() -> None:
    story = working(["x"], RetryPolicy(1, 5, 1.0))
    finish(story, 0, "FAILED")
    story.wait(6)
    verdict = story.report("each", DONE, objective_id="obj_0_1")
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "objective_superseded"


def test_a_list_cannot_be_skipped_once_it_has_begun() -> None:
    verdict = working(["x"]).report("each", StepState.SKIPPED)
    assert isinstance(verdict, Refusal)
    assert verdict.reason == "step_not_pending"


# --- what is told ----------------------------------------------------------------------------------------------------


def test_only_the_step_is_told_of() -> None:
    story = working(["x", "y"])
    finish(story, 0)
    finish(story, 1)
    assert story.told() == [
        "run.started", "each.started", "each.updated", "each.updated", "each.completed", "run.completed"
    ]  # fmt: skip


# --- many ------------------------------------------------------------------------------------------------------------


def test_hundreds_of_items_are_worked_off() -> None:
    story = working(list(range(400)), concurrency=20, tolerated_failures=20)
    while story.state == "RUNNING":
        assert len(open_items(story)) <= 20
        for index in open_items(story):
            finish(story, index, "FAILED" if index % 20 == 0 else "COMPLETED", "0.001", n=index)
    assert story.state == "COMPLETED"
    results = story["each"].output_payload["items"]
    assert [result.get("n") for result in results[:3]] == [None, 1, 2]
    assert sum("error" in result for result in results) == 20
    assert story.run.total_cost_usd == Decimal("0.4")


def test_edges_see_the_results() -> None:
    each = agent("each", config={"items": "input.values"})
    story = Story(version([each, step("after")], edges("each>after if size(items) == 1")), {"values": ["x"]})
    finish(story, 0)
    assert story.states() == {"each": "COMPLETED", "after": "WAITING"}
