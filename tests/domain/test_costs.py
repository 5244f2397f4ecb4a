"""What attempts cost: every source once, exactly, however late."""

from decimal import Decimal

import pytest

from service.domain.answers import UsageReported
from service.domain.calls import CancelObjective, QueryUsage
from service.domain.definition import RetryPolicy
from service.domain.state import StepState
from tests.builders import Story, agent, alone, version

ONCE_MORE = RetryPolicy(1, 5, 1.0)
D = Decimal


def linked(**fields: object) -> Story:
    story = alone(agent("a", **fields))
    story.link("a", "obj_1")
    return story


def spent(story: Story) -> tuple[Decimal, Decimal]:
    return story["a"].cost_usd, story.run.total_cost_usd


def usage(cost: str, records: int = 1, objective_id: str = "obj_1") -> UsageReported:
    return UsageReported(objective_id, D(cost), records)


# --- who says so -----------------------------------------------------------------------------------------------------


def test_a_reports_cost_is_the_attempts_total() -> None:
    story = linked()
    story.report("a", StepState.RUNNING, cost_usd=D("0.1"))
    story.report("a", StepState.COMPLETED, cost_usd=D("0.3"))
    assert spent(story) == (D("0.3"), D("0.3"))
    assert story.calls(QueryUsage) == []


def test_costs_are_exact() -> None:
    story = Story(version([agent("a"), agent("b")]))
    for key, cost in (("a", "0.1"), ("b", "0.2")):
        story.link(key, f"obj_{key}")
        story.objective(key, "COMPLETED", cost)
    assert story.run.total_cost_usd == D("0.3")


def test_progress_may_say_what_was_spent_so_far() -> None:
    story = linked()
    story.hear_of("obj_1", "RUNNING", cost_usd=D("0.1"))
    assert spent(story) == (D("0.1"), D("0.1"))
    story.objective("a", "COMPLETED", done=True)
    assert spent(story) == (D("0.1"), D("0.1"))
    assert story.calls(QueryUsage) == []


def test_the_same_cost_again_tells_nobody() -> None:
    story = linked()
    story.objective("a", "COMPLETED", "0.1")
    told = story.told()
    story.objective("a", "COMPLETED", "0.1")
    assert story.told() == told


# --- the meter, asked last -------------------------------------------------------------------------------------------


def test_the_meter_is_asked_when_nobody_said_a_cost() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    assert story.state == "COMPLETED"
    story.answer("a/1/QueryUsage", usage("0.055", 2))
    assert spent(story) == (D("0.055"), D("0.055"))


def test_the_meter_is_asked_once_more_later_and_its_records_count_once() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    assert story.owed["a/1/QueryUsage/late"].delay_seconds == 300
    story.answer("a/1/QueryUsage", usage("0.034", 1))
    story.answer("a/1/QueryUsage/late", usage("0.055", 2))
    assert spent(story) == (D("0.055"), D("0.055"))


def test_no_records_are_no_cost() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    told = story.told()
    story.answer("a/1/QueryUsage", usage("0", 0))
    assert story.told() == told


def test_a_meter_that_has_lost_its_records_takes_nothing_back() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    story.answer("a/1/QueryUsage", usage("0.034"))
    story.answer("a/1/QueryUsage/late", usage("0", 0))
    assert spent(story) == (D("0.034"), D("0.034"))


def test_whoever_is_better_informed_than_the_meter_wins() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    story.objective("a", "COMPLETED", "0.07", done=True)
    story.answer("a/1/QueryUsage", usage("0.05"))
    assert spent(story) == (D("0.07"), D("0.07"))
    corrected = linked()
    corrected.objective("a", "COMPLETED", done=True)
    corrected.answer("a/1/QueryUsage", usage("0.05"))
    corrected.objective("a", "COMPLETED", "0.07", done=True)
    corrected.answer("a/1/QueryUsage/late", usage("0.06"))
    assert spent(corrected) == (D("0.07"), D("0.07"))


# --- late, and of earlier attempts -----------------------------------------------------------------------------------


def test_a_late_cost_is_added_and_a_late_outcome_is_not() -> None:
    story = linked()
    story.objective("a", "COMPLETED", "0.01")
    story.objective("a", "FAILED", "0.02")
    assert story.states()["a"] == "COMPLETED"
    assert spent(story) == (D("0.02"), D("0.02"))
    assert story.told()[-1] == "a.updated"


def test_a_late_cost_of_an_earlier_attempt_is_its_own() -> None:
    story = linked(retry_policy=ONCE_MORE)
    story.objective("a", "FAILED", "0.01")
    story.wait(6)
    story.link("a", "obj_2")
    story.hear_of("obj_2", "RUNNING", cost_usd=D("0.1"))
    story.hear_of("obj_1", "FAILED", cost_usd=D("0.03"))
    assert spent(story) == (D("0.13"), D("0.13"))
    story.objective("a", "COMPLETED", "0.2")
    assert spent(story) == (D("0.23"), D("0.23"))


def test_the_meter_knows_an_earlier_attempt_too() -> None:
    story = linked(retry_policy=ONCE_MORE)
    story.hear_of("obj_1", "FAILED")
    story.wait(6)
    story.link("a", "obj_2")
    story.objective("a", "COMPLETED", "0.2")
    story.answer("a/1/QueryUsage", usage("0.01"))
    story.answer("a/1/QueryUsage/late", usage("0.02"))
    assert spent(story) == (D("0.22"), D("0.22"))


def test_a_failure_that_only_names_its_objective_in_the_report_is_charged_too() -> None:
    story = alone(agent("a", retry_policy=ONCE_MORE))
    story.report("a", StepState.FAILED, objective_id="obj_1")
    assert story.states() == {"a": "PENDING"}
    story.answer("a/1/QueryUsage", usage("0.01"))
    assert spent(story) == (D("0.01"), D("0.01"))


@pytest.mark.parametrize("by_bus", [True, False])
def test_what_a_cancelled_objective_cost_counts(by_bus: bool) -> None:
    story = linked(timeout_seconds=60)
    story.wait(60)
    assert [call.objective_id for call in story.calls(CancelObjective)] == ["obj_1"]
    assert story.state == "FAILED"
    if by_bus:
        story.hear_of("obj_1", "CANCELLED", cost_usd=D("0.04"))
    else:
        story.answer("a/1/QueryUsage/late", usage("0.04"))
    assert spent(story) == (D("0.04"), D("0.04"))


def test_a_cost_of_nobodys_objective_is_nobodys() -> None:
    story = linked()
    story.objective("a", "COMPLETED", done=True)
    story.answer("a/1/QueryUsage", usage("0.5", objective_id="obj_other"))
    assert spent(story) == (D(0), D(0))
