"""Beside what is wrong: where in the expression, and what was probably meant."""

from typing import Any

import pytest

from service.domain.definition import Edge, StepDefinition, StepType, Trigger, TriggerType
from service.domain.errors import Violation
from service.domain.publish.triggers import bad_cron, mended_cron
from service.domain.suggestions import MOST_LOOKS, nearest
from service.domain.validate import find_problems, find_warnings
from tests.domain.drafts import draft, edges, step

AGENT, BRANCH, TASK = StepType.AGENT_ACTION, StepType.BRANCH, StepType.HUMAN_TASK
NOTE, WAIT = StepType.NOTIFICATION, StepType.WAIT_FOR_EVENT


def only(*steps: StepDefinition | str, **fields: Any) -> Violation:
    (found,) = find_problems(draft(*steps, **fields))
    return found


def of_branch(source: str) -> Violation:
    """What is wrong with this condition of a BRANCH that follows the step `research`."""
    branch = step("pick", BRANCH, condition_expr=source)
    return only("research", branch, "end", edges=edges("research>pick", "pick>end"))


@pytest.mark.parametrize(
    ("source", "reason", "offset", "suggestion"),
    [
        ("reserch.output.score > 3.0", "unknown_name", 0, "did you mean 'research'?"),
        ("input.a && True", "unknown_name", 11, "did you mean 'true'?"),
        ("zzz", "unknown_name", 0, "known here: input, now, research, run, steps"),
        ("input.name.startswith('a')", "unknown_function", 11, "did you mean 'startsWith'?"),
        ("input.ü == 'ä'", "expression_syntax", 6, ""),
        ("input.a == 'äö🙂' && siez(input.b) > 1", "unknown_function", 20, "did you mean 'size'?"),
        ("input.a and not input.b", "expression_syntax", 8, "did you mean 'input.a && !input.b'?"),
        ("input.a = 'x and y'", "expression_syntax", 8, "did you mean \"input.a == 'x and y'\"?"),
        (
            "input.a >= 1.0 or input.b <> 2.0",
            "expression_syntax",
            15,
            "did you mean 'input.a >= 1.0 || input.b != 2.0'?",
        ),
        ("input.a &&", "expression_syntax", 10, ""),
        ("'research' == steps.reserch.state", "unknown_step", 20, "did you mean 'research'?"),
        ("steps['end'].state == ''", "not_upstream", 7, ""),
        ("end.output.ok", "not_upstream", 0, ""),
    ],
)
def test_of_an_expression(source: str, reason: str, offset: int, suggestion: str) -> None:
    found = of_branch(source)
    assert (found.path, found.reason) == ("steps[1].condition_expr", reason)
    assert (found.offset, found.suggestion) == (offset, suggestion)


def test_the_offset_of_a_bare_name_is_not_in_a_text() -> None:
    wait = step("wait", WAIT, event_type_pattern="a.b", config={"filter_expr": "'research.' == research.output.x"})
    found = only("research", wait, edges=edges("research>wait"))
    assert (found.reason, found.offset) == ("not_upstream", 15)


@pytest.mark.parametrize(
    ("bad", "path", "suggestion"),
    [
        (step("a", AGENT, agent_id="x", risk_level="HIGH"), "risk_level", "did you mean 'RISK_LEVEL_HIGH'?"),
        (step("a", notification_channel="email"), "notification_channel", "did you mean 'DELIVERY_CHANNEL_EMAIL'?"),
        (step("a", config={"reciepient": "ann"}), "config.reciepient", "did you mean 'recipient'?"),
        (step("a", TASK, config={"recipient": "ann"}), "config.recipient", "'recipient' is for NOTIFICATION"),
        (step("a", TASK, config={"on_failure": "continu"}), "config.on_failure", "did you mean 'continue'?"),
        (step("a", TASK, config={"due_seconds": "60"}), "config.due_seconds", "write it as a number, without quotes"),
        (step("a", TASK, config={"due_seconds": "soon"}), "config.due_seconds", ""),
        (
            step("a", AGENT, config={"workflow": {"name": "b", "verson": 1.0}}),
            "config.workflow",
            "did you mean 'version'?",
        ),
        (
            step("a", AGENT, agent_id="x", config={"concurrency": 2}),
            "config.concurrency",
            "add config.items, or leave concurrency out",
        ),
        (step("a", TASK, config={"form": {}}), "config.form", "did you mean 'form_schema'?"),
        (
            step("a", NOTE, config={"recipient": "b", "xyz": 1}),
            "config.xyz",
            "known here: body, category, compensate_on, input, max_backoff_seconds, non_retryable, on_failure, priority"
            " and 4 more",
        ),
        (step("a", WAIT, event_type_pattern="orders.#"), "event_type_pattern", "did you mean 'orders.>'?"),
        (step("a", WAIT, event_type_pattern="orders..new."), "event_type_pattern", "did you mean 'orders.new'?"),
        (step("a", WAIT, event_type_pattern="ord*.x"), "event_type_pattern", ""),
        (step("a", condition_expr="true"), "condition_expr", "move it to an edge of this step"),
        (step("my step!"), "id", "take 'my_step'"),
        (step("event"), "id", "take 'event_2'"),
        (step("é"), "id", ""),
        (step("a", compensation_step_id="b"), "compensation_step_id", ""),
    ],
)
def test_of_a_field(bad: StepDefinition, path: str, suggestion: str) -> None:
    found = only(bad)
    assert (found.path, found.offset, found.suggestion) == (f"steps[0].{path}", -1, suggestion)


def test_of_a_step_that_is_there_under_another_name() -> None:
    assert only("research", "mail", edges=edges("reserch>mail")).suggestion == "did you mean 'research'?"
    undone = step("research", compensation_step_id="undoresearch")
    assert only(undone, "undo_research").suggestion == "did you mean 'undo_research'?"
    assert only("a", "a").suggestion == "take 'a_2'"
    assert only("a-b", "a_b", "a_b_2").suggestion == "take 'a_b_3'"


def test_the_edge_to_take_out_opens_the_cycle() -> None:
    steps, drawn = ("root", "a", "b", "c"), edges("root>a", "a>b", "b>c", "c>a")
    (found,) = [each for each in find_problems(draft(*steps, edges=drawn)) if each.reason == "cycle"]
    assert found.suggestion == "take this edge out"
    place = int(found.path.removeprefix("edges[").removesuffix("]"))
    assert find_problems(draft(*steps, edges=drawn[:place] + drawn[place + 1 :])) == []


@pytest.mark.parametrize(
    ("written", "suggestion"),
    [
        ("@daily", "did you mean '0 0 * * *'?"),
        ("0 30 9 * * 1", "did you mean '30 9 * * 1'?"),
        ("0 30 9 ? * MON 2026", "did you mean '30 9 ? * MON'?"),
        ("61 9 * * 1", "a minute is 0 to 59"),
        ("0 9 * 13 *", "a month is 1 to 12"),
        ("0 9 * * 8", "a day of the week is 0 to 7"),
        ("0 0 31 2 *", ""),
        ("daily", ""),
        ("", ""),
        ("9 " * 200, ""),
    ],
)
def test_of_a_schedule(written: str, suggestion: str) -> None:
    assert bad_cron(written)
    assert mended_cron(written) == suggestion
    trigger = Trigger(TriggerType.SCHEDULE, cron_expr=written)
    assert only("a", trigger=trigger).suggestion == suggestion


def test_of_a_trigger() -> None:
    tap = Trigger(TriggerType.WEBHOOK, tap_entity_type="ENTITY_TYPE_DEAL_")
    assert only("a", trigger=tap).suggestion == "did you mean 'ENTITY_TYPE_DEAL'?"
    event = Trigger(TriggerType.EVENT, event_type="orders.**")
    assert only("a", trigger=event).suggestion == "did you mean 'orders.>'?"


def test_of_warnings() -> None:
    drawn = edges("pick>a if input.x", "a>b if a.output.ok", "pick>b")
    found = find_warnings(draft(step("pick", BRANCH), "a", step("b", config={"input": {"y": "a.output"}}), edges=drawn))
    assert [each.suggestion for each in found] == ["look first whether steps['a'].state == 'COMPLETED'"]
    (open_branch,) = find_warnings(draft(step("pick", BRANCH), "a", edges=edges("pick>a if input.x")))
    assert open_branch.suggestion == "add an edge without a condition"


def test_only_the_first_unknown_words_are_compared_with_a_drafts_own() -> None:
    drawn = tuple(Edge(f"reserch{number}", "research") for number in range(MOST_LOOKS + 20))
    found = find_problems(draft("research", edges=drawn))
    assert [bool(each.suggestion) for each in found] == [True] * MOST_LOOKS + [False] * 20


def test_long_words_are_not_compared() -> None:
    assert nearest("a" * 65, ["a" * 65]) == nearest("a" * 64, ["a" * 65]) == ""
