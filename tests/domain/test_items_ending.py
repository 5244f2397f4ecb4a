"""The end in the middle of a list: whatever ends it, each open objective is cancelled once and nothing revives."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from service.domain.answers import ObjectiveCreated, UsageReported
from service.domain.calls import CancelObjective, QueryUsage
from service.domain.commands import CancelRun, EffectSucceeded
from service.domain.state import StepState
from tests.builders import Story, agent, step, version

End = Callable[[Story], object]


def halfway(timeout_seconds: int = 0) -> Story:
    """Of eight items one is done, one failed, two have objectives, one is being created, three have not begun."""
    config = {"items": "input.values", "concurrency": 3, "tolerated_failures": 3}
    drawn = version([agent("each", config=config), step("bad")], timeout_seconds=timeout_seconds)
    story = Story(drawn, {"values": list(range(8))})
    for index in range(4):
        story.link(f"each[{index}]", f"obj_{index}")
        if index < 2:
            story.objective(f"each[{index}]", ("COMPLETED", "FAILED")[index])
    story.prepare("each[4]")
    return story


def by_cancel(story: Story) -> None:
    story.do(CancelRun("no longer wanted"))


def by_run_timeout(story: Story) -> None:
    story.wait(3600)


def by_too_many_failures(story: Story) -> None:
    for index in (2, 3):
        story.objective(f"each[{index}]", "FAILED")
    story.link("each[5]", "obj_5")
    story.objective("each[5]", "FAILED")


@pytest.mark.parametrize("end", [by_cancel, by_run_timeout])
def test_every_open_objective_is_cancelled_exactly_once(end: End) -> None:
    story = halfway(timeout_seconds=3600)
    end(story)
    assert story.run.state.terminal
    assert sorted(call.objective_id for call in story.calls(CancelObjective)) == ["obj_2", "obj_3"]
    story.link("each[4]", "obj_4")
    assert sorted(call.objective_id for call in story.calls(CancelObjective)) == ["obj_2", "obj_3", "obj_4"]
    assert [item.state.value for item in story.run.items.values()] == ["COMPLETED", "FAILED", *["CANCELLED"] * 6]


@pytest.mark.parametrize("end", [by_cancel, by_run_timeout, by_too_many_failures])
def test_nothing_revives(end: End) -> None:
    story = halfway(timeout_seconds=3600)
    end(story)
    before = story.states(), {key: item.state for key, item in story.run.items.items()}
    for index in (2, 3):
        story.hear_of(f"obj_{index}", "COMPLETED", output={"n": index})
    story.report("each", StepState.COMPLETED, objective_id="obj_3")
    story.wait(1000)
    assert (story.states(), {key: item.state for key, item in story.run.items.items()}) == before


def test_a_cost_that_comes_after_the_end_is_the_steps_and_the_runs() -> None:
    story = halfway()
    by_cancel(story)
    story.hear_of("obj_2", "CANCELLED", cost_usd=Decimal("0.1"))
    story.answer("each[3]/1/QueryUsage/late", UsageReported("obj_3", Decimal("0.2"), 1))
    assert (story["each"].cost_usd, story.run.total_cost_usd) == (Decimal("0.3"), Decimal("0.3"))


def test_too_many_failures_cancel_what_is_being_created_as_well() -> None:
    story = halfway()
    late = story.owes("each[4]/1/CreateObjective")
    by_too_many_failures(story)
    assert story.states()["each"] == "FAILED"
    story.do(EffectSucceeded(late, ObjectiveCreated("obj_4", "agent_1")))
    assert "obj_4" in [call.objective_id for call in story.calls(CancelObjective)]


# --- in a failing run ------------------------------------------------------------------------------------------------


def test_a_failing_run_lets_open_items_come_home_and_begins_no_more() -> None:
    story = halfway()
    story.report("bad", StepState.FAILED)
    assert (story.state, story.run.failing) == ("RUNNING", True)
    assert [story[f"each[{index}]"].state.value for index in (2, 5)] == ["RUNNING", "CANCELLED"]
    story.link("each[4]", "obj_4")
    for index in (2, 3, 4):
        story.objective(f"each[{index}]", "COMPLETED", "0.1", n=index)
    assert story["each[3]"].output_payload == {"n": 3}
    assert story.states() == {"each": "CANCELLED", "bad": "FAILED"}
    assert (story.state, story.run.failure_reason) == ("FAILED", "task_rejected")
    assert story.calls(CancelObjective) == []
    assert story["each"].cost_usd == Decimal("0.3")


def test_a_list_that_lacks_nothing_is_recorded_as_completed() -> None:
    each = agent("each", config={"items": "input.values"})
    story = Story(version([each, step("bad")]), {"values": [0, 1]})
    for index in (0, 1):
        story.link(f"each[{index}]", f"obj_{index}")
    story.report("bad", StepState.FAILED)
    for index in (0, 1):
        story.objective(f"each[{index}]", "COMPLETED", n=index)
    assert story.states() == {"each": "COMPLETED", "bad": "FAILED"}
    assert story["each"].output_payload == {"items": [{"n": 0}, {"n": 1}]}
    assert story.state == "FAILED"


def test_the_meter_is_asked_for_every_item_that_was_cancelled() -> None:
    story = halfway()
    by_cancel(story)
    late = [effect for effect in story.owed.values() if isinstance(effect.call, QueryUsage) and effect.delay_seconds]
    assert {"each[2]/1/QueryUsage/late", "each[3]/1/QueryUsage/late"} <= {effect.id for effect in late}
