"""The publish checks: every finding with its path and reason, all at once, whatever the draft."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.config import KEYS
from service.domain.definition import Edge, RetryPolicy, StepDefinition, StepType, Trigger, TriggerType, Version
from service.domain.errors import Violation
from service.domain.validate import find_problems, find_warnings
from tests.domain.drafts import draft, edges, pipeline, step

AGENT, BRANCH, PARALLEL = StepType.AGENT_ACTION, StepType.BRANCH, StepType.PARALLEL
GATE, CHECK, WAIT, TASK = (
    StepType.APPROVAL_GATE,
    StepType.GOVERNANCE_CHECK,
    StepType.WAIT_FOR_EVENT,
    StepType.HUMAN_TASK,
)


def found(violations: list[Violation]) -> list[tuple[str, str]]:
    return sorted((each.path, each.reason) for each in violations)


def problems(*steps: StepDefinition | str, edges: tuple[Edge, ...] = (), **fields: Any) -> list[tuple[str, str]]:
    return found(find_problems(draft(*steps, edges=edges, **fields)))


def test_the_pipeline_has_no_problems() -> None:
    assert find_problems(pipeline()) == []
    assert found(find_warnings(pipeline())) == [("steps[3]", "branch_without_default")]


# --- ids -----------------------------------------------------------------------------------------------------------


def test_no_steps() -> None:
    assert problems() == [("steps", "no_steps")]


@pytest.mark.parametrize("id", ["a", "A-z_09", "1st", "in", "type", "x" * 128])
def test_good_ids(id: str) -> None:
    assert problems(id) == []


@pytest.mark.parametrize("id", ["", " ", "a b", "é", "x" * 129, "a.b", "a\n", "a\0"])
def test_bad_ids(id: str) -> None:
    assert problems(id) == [("steps[0].id", "bad_id")]


@pytest.mark.parametrize("id", ["steps", "input", "run", "now", "event", "compensated", "item", "index"])
def test_reserved_ids(id: str) -> None:
    assert problems(id) == [("steps[0].id", "reserved_id")]


def test_ids_that_are_one() -> None:
    assert problems("a", "a") == [("steps[1].id", "duplicate_id")]
    assert problems("a-b", "a_b") == [("steps[1].id", "colliding_id")]


# --- edges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        (["a>x"], [("edges[0].to_step_id", "unknown_step")]),
        (["x>a"], [("edges[0].from_step_id", "unknown_step")]),
        (["x>y"], [("edges[0].from_step_id", "unknown_step"), ("edges[0].to_step_id", "unknown_step")]),
        (["a>a"], [("edges[0].to_step_id", "self_edge")]),
        (["a>b", "b>c", "a>b"], [("edges[2]", "duplicate_edge")]),
        (["a>b", "b>c", "c>b"], [("edges[2]", "cycle")]),
        (["a>b", "b>a"], [("edges[1]", "cycle"), ("steps[0]", "unreachable_step"), ("steps[1]", "unreachable_step")]),
        (
            ["a>b", "b>a", "b>c"],
            [
                ("edges[1]", "cycle"),
                ("steps[0]", "unreachable_step"),
                ("steps[1]", "unreachable_step"),
                ("steps[2]", "unreachable_step"),
            ],
        ),
    ],
)
def test_edges(arrows: list[str], expected: list[tuple[str, str]]) -> None:
    assert problems("a", "b", "c", edges=edges(*arrows)) == expected


def test_every_cycle_is_named() -> None:
    version = draft(*"rabcxy", edges=edges("r>a", "a>b", "b>c", "c>a", "r>x", "x>y", "y>x"))
    named = {each.message for each in find_problems(version) if each.reason == "cycle"}
    assert named == {
        "the steps form a cycle: a -> b -> c -> a",
        "the steps form a cycle: x -> y -> x",
    }


def test_in_a_cycle_expressions_are_still_checked() -> None:
    bad = step("a", config={"input": {"x": "b.output.y + nosuch"}})
    assert ("steps[0].config.input.x", "unknown_name") in problems(bad, "b", edges=edges("a>b", "b>a"))


# --- compensation --------------------------------------------------------------------------------------------------


def undone(id: str, by: str) -> StepDefinition:
    return step(id, compensation_step_id=by)


@pytest.mark.parametrize(
    ("steps", "arrows", "expected"),
    [
        ([undone("a", "u"), "u"], [], []),
        ([undone("a", "x")], [], [("steps[0].compensation_step_id", "unknown_compensation")]),
        ([undone("a", "a"), "b"], ["a>b"], [("steps[0].compensation_step_id", "self_compensation")]),
        (
            [undone("a", "u"), undone("b", "u"), "u"],
            [],
            [
                ("steps[0].compensation_step_id", "shared_compensation"),
                ("steps[1].compensation_step_id", "shared_compensation"),
            ],
        ),
        ([undone("a", "u"), undone("u", "v"), "v"], [], [("steps[1].compensation_step_id", "chained_compensation")]),
        ([undone("a", "u"), "u"], ["a>u"], [("edges[0]", "compensation_edge")]),
        ([undone("a", "u"), "u", "b"], ["u>b"], [("edges[0]", "compensation_edge")]),
    ],
)
def test_compensation(steps: list[StepDefinition], arrows: list[str], expected: list[tuple[str, str]]) -> None:
    assert problems(*steps, edges=edges(*arrows)) == expected


# --- rules of step types -------------------------------------------------------------------------------------------


def test_a_branch_has_edges_and_at_most_one_default() -> None:
    assert problems(step("a", BRANCH)) == [("steps[0]", "branch_without_edges")]
    two = edges("a>b", "a>c", "a>d if true")
    assert problems(step("a", BRANCH), "b", "c", "d", edges=two) == [("edges[1]", "two_defaults")]
    assert problems(step("a", BRANCH), "b", "c", edges=edges("a>b", "a>c if x > 1")) == []


def test_a_parallel_has_children_of_its_own() -> None:
    parallel = step("p", PARALLEL)
    assert problems(parallel) == [("steps[0]", "parallel_without_children")]
    assert problems(parallel, "a", "b", edges=edges("p>a", "p>b")) == []
    assert problems(parallel, "a", edges=edges("p>a if true")) == [("edges[0].condition_expr", "parallel_condition")]
    shared = edges("p>a", "b>a")
    assert problems(parallel, "a", "b", edges=shared) == [("edges[0].to_step_id", "parallel_child_shared")]


def test_a_routed_denial_needs_conditions() -> None:
    routes = step("a", CHECK, config={"on_denied": "route"})
    assert problems(routes, "b", "c", edges=edges("a>b if decision == 'DENY'", "a>c")) == [
        ("edges[1].condition_expr", "route_without_condition")
    ]


def test_an_agent_action_knows_who() -> None:
    assert problems(step("a", AGENT)) == [("steps[0].agent_id", "no_agent")]
    assert problems(step("a", AGENT, agent_id="x"), step("b", AGENT, required_capability="y")) == []
    calls = step("a", AGENT, config={"workflow": {"name": "other"}})
    assert problems(calls) == []


def test_only_a_branch_has_a_condition() -> None:
    assert problems(step("a", condition_expr="true")) == [("steps[0].condition_expr", "unexpected_condition")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event_type_pattern": "a.*"}, []),
        ({"event_subject_pattern": "a.>"}, []),
        ({"config": {"timeout_action": "go"}, "timeout_seconds": 5}, []),
        ({"event_type_pattern": "a..b"}, [("steps[0].event_type_pattern", "malformed_pattern")]),
        ({"event_subject_pattern": ">.b"}, [("steps[0].event_subject_pattern", "malformed_pattern")]),
        ({}, [("steps[0].event_type_pattern", "missing_pattern")]),
        ({"timeout_seconds": 5}, [("steps[0].event_type_pattern", "missing_pattern")]),
        ({"config": {"timeout_action": "go"}}, [("steps[0].event_type_pattern", "missing_pattern")]),
    ],
)
def test_waits(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(step("a", WAIT, **fields)) == expected


def test_a_delay_may_take_the_versions_timeout() -> None:
    assert problems(step("a", WAIT, config={"timeout_action": "go"}), timeout_seconds=60) == []


# --- fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"name": "x" * 201}, "name", "too_long"),
        ({"agent_id": "x" * 129}, "agent_id", "too_long"),
        ({"risk_level": "HIGH"}, "risk_level", "unknown_risk_level"),
        ({"notification_channel": "SLACK"}, "notification_channel", "unknown_channel"),
        ({"timeout_seconds": -1}, "timeout_seconds", "negative_timeout"),
        ({"timeout_seconds": 2**31 - 1}, "timeout_seconds", "absurd_timeout"),
        ({"retry_policy": RetryPolicy(-1)}, "retry_policy.max_retries", "negative_retries"),
        ({"retry_policy": RetryPolicy(5000)}, "retry_policy.max_retries", "absurd_retries"),
        ({"retry_policy": RetryPolicy(1, -1)}, "retry_policy.backoff_seconds", "negative_backoff"),
        ({"retry_policy": RetryPolicy(1, 2**31 - 1)}, "retry_policy.backoff_seconds", "absurd_backoff"),
        ({"retry_policy": RetryPolicy(1, 1, float("nan"))}, "retry_policy.backoff_multiplier", "bad_multiplier"),
        ({"retry_policy": RetryPolicy(1, 1, float("inf"))}, "retry_policy.backoff_multiplier", "bad_multiplier"),
        ({"retry_policy": RetryPolicy(1, 1, -1.0)}, "retry_policy.backoff_multiplier", "bad_multiplier"),
        ({"retry_policy": RetryPolicy(1, 1, 1e30)}, "retry_policy.backoff_multiplier", "bad_multiplier"),
    ],
)
def test_fields_of_steps(fields: dict[str, Any], path: str, reason: str) -> None:
    assert problems(step("a", **fields)) == [(f"steps[0].{path}", reason)]


def test_fields_of_the_version() -> None:
    assert problems("a", timeout_seconds=-1) == [("timeout_seconds", "negative_timeout")]
    assert problems("a", author="x" * 201) == [("author", "too_long")]
    policy = RetryPolicy(1, 1, float("nan"))
    assert problems("a", default_retry_policy=policy) == [("default_retry_policy.backoff_multiplier", "bad_multiplier")]
    labelled = (Edge("a", "b", label="x" * 201),)
    assert problems("a", "b", edges=labelled) == [("edges[0].label", "too_long")]


def test_known_names_and_ordinary_numbers_pass() -> None:
    policy = RetryPolicy(5, 60, 0.0)
    assert problems(step("a", risk_level="RISK_LEVEL_LOW", notification_channel="DELIVERY_CHANNEL_EMAIL",
                         retry_policy=policy, timeout_seconds=86400), default_retry_policy=policy) == []  # fmt: skip


# --- triggers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cron", ["0 9 * * 1-5", "*/5 * * * *", "0 0 29 2 *", "0 0 * MAR THU", "0 0 L * *"])
def test_schedules_that_fire(cron: str) -> None:
    assert problems("a", trigger=Trigger(TriggerType.SCHEDULE, cron_expr=cron)) == []


@pytest.mark.parametrize(
    "cron",
    ["", "@daily", "* * * * * *", "0 0 31 2 *", "R * * * *", "H * * * *", "h(1-5) * * * *", "60 * * * *", "a b c d e",
     "\0 * * * *", "*/0 * * * *", "0" * 300 + " * * * *"],
)  # fmt: skip
def test_schedules_that_do_not(cron: str) -> None:
    assert problems("a", trigger=Trigger(TriggerType.SCHEDULE, cron_expr=cron)) == [("trigger.cron_expr", "bad_cron")]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (Trigger(TriggerType.MANUAL), []),
        (Trigger(TriggerType.WEBHOOK), []),
        (Trigger(TriggerType.EVENT, event_type="a.>"), []),
        (Trigger(TriggerType.EVENT, event_subject="a"), []),
        (Trigger(TriggerType.EVENT), [("trigger.event_type", "missing_pattern")]),
        (Trigger(TriggerType.EVENT, event_type="a..b"), [("trigger.event_type", "malformed_pattern")]),
        (Trigger(TriggerType.EVENT, event_subject="a*"), [("trigger.event_subject", "malformed_pattern")]),
        (Trigger(TriggerType.WEBHOOK, tap_provider="x" * 201), [("trigger.tap_provider", "too_long")]),
        (Trigger(TriggerType.WEBHOOK, tap_entity_type="ENTITY_TYPE_DEAL"), []),
        (
            Trigger(TriggerType.WEBHOOK, tap_entity_type="ENTITY_TYPE_CAR"),
            [("trigger.tap_entity_type", "unknown_entity_type")],
        ),
        (Trigger(filter_expr="event.type == 'x' && anything.goes > 1"), []),
        (Trigger(filter_expr="1 +"), [("trigger.filter_expr", "expression_syntax")]),
        (Trigger(filter_expr="'text'"), [("trigger.filter_expr", "wrong_type")]),
        (Trigger(filter_expr="a.output.x == 1"), [("trigger.filter_expr", "not_upstream")]),
    ],
)
def test_triggers(trigger: Trigger, expected: list[tuple[str, str]]) -> None:
    assert problems("a", trigger=trigger) == expected


# --- config --------------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, Any] = {
    "input": {"a": "input.b"},
    "compensate_on": "completed",
    "on_failure": "continue",
    "on_denied": "route",
    "max_backoff_seconds": 600.0,
    "non_retryable": ["no_agent"],
    "title": "t",
    "description": "d",
    "heartbeat_seconds": 60,
    "result_grace_seconds": 5,
    "output_required": True,
    "items": "input.all",
    "concurrency": 20,
    "batch_size": 100,
    "tolerated_failures": 5,
    "workflow": {"name": "child", "version": 2, "input": {"a": "input.b"}},
    "correlate": {"event": "contact.id", "run": "input.contact_id"},
    "approver_user_id": "u",
    "context": {"record_count": "1.0", "currency_amount": "input.a", "environment": "'prod'"},
    "filter_expr": "a == input.b",
    "accept_after": "step_start",
    "timeout_action": "go",
    "recipient": "r",
    "priority": "PRIORITY_HIGH",
    "category": "NOTIFICATION_CATEGORY_INCIDENT",
    "subject": "s",
    "body": "b",
    "variables": {"x": "input.y"},
    "required": False,
    "instructions": "i",
    "form_schema": {"properties": {"ok": {"$ref": "#/$defs/ok"}}, "$defs": {"ok": {"type": "boolean"}}},
    "assignee": "u",
    "group": "g",
    "due_seconds": 60,
    "reminder_seconds": 30,
}  # fmt: skip

OF_ITEMS = ("concurrency", "batch_size", "tolerated_failures")

NEEDS: dict[StepType, dict[str, Any]] = {AGENT: {"agent_id": "x"}, WAIT: {"event_type_pattern": "a"}}


def alone(step_type: StepType, config: dict[str, Any]) -> list[tuple[str, str]]:
    """What is found in a step with this config, apart from a graph of one step."""
    only = step("a", step_type, config=config, **NEEDS.get(step_type, {}))
    return [each for each in problems(only) if each[0] != "steps[0]"]


@pytest.mark.parametrize(("step_type", "key"), [(t, key) for t, keys in KEYS.items() for key in keys])
def test_every_documented_key(step_type: StepType, key: str) -> None:
    beside = {"items": "input.all"} if key in OF_ITEMS else {}
    assert alone(step_type, {key: EXAMPLES[key], **beside}) == []
    assert ("steps[0].config." + key, "bad_config") in alone(step_type, {key: None})


@pytest.mark.parametrize("key", OF_ITEMS)
def test_what_is_for_items_needs_items(key: str) -> None:
    assert alone(AGENT, {key: 1}) == [(f"steps[0].config.{key}", "no_items")]


def test_a_step_works_through_a_list_or_runs_a_workflow() -> None:
    config = {"items": "input.all", "workflow": {"name": "w"}}
    assert alone(AGENT, config) == [("steps[0].config.items", "items_and_workflow")]


@pytest.mark.parametrize(
    ("step_type", "config", "found"),
    [
        (AGENT, {"items": "1.0 + 1.0"}, ("config.items", "wrong_type")),
        (AGENT, {"items": "input.all", "input": {"x": "item.name + string(index)"}}, None),
        (AGENT, {"input": {"x": "item"}}, ("config.input.x", "unknown_name")),
        (
            AGENT,
            {"workflow": {"name": "w", "input": {"x": "nobody.output"}}},
            ("config.workflow.input.x", "unknown_name"),
        ),
        (AGENT, {"workflow": {"name": "w", "definition_id": "wf_1"}}, ("config.workflow", "bad_config")),
        (WAIT, {"correlate": {"event": "contact.id", "run": "input.contact_id"}}, None),
        (WAIT, {"correlate": {"event": "contact.id"}}, ("config.correlate", "bad_config")),
        (WAIT, {"correlate": {"event": "id", "run": "contact.id"}}, ("config.correlate.run", "unknown_name")),
    ],
)
def test_expressions_of_items_children_and_correlations(
    step_type: StepType, config: dict[str, Any], found: tuple[str, str] | None
) -> None:
    assert alone(step_type, config) == ([(f"steps[0].{found[0]}", found[1])] if found else [])


@pytest.mark.parametrize("step_type", StepType)
def test_unknown_keys(step_type: StepType) -> None:
    assert alone(step_type, {"on_failur": "continue"}) == [("steps[0].config.on_failur", "unknown_config")]


@pytest.mark.parametrize("step_type", [GATE, CHECK])
def test_gates_never_continue_silently(step_type: StepType) -> None:
    assert alone(step_type, {"on_failure": "continue"}) == [("steps[0].config.on_failure", "unknown_config")]


@pytest.mark.parametrize(
    ("step_type", "config", "path"),
    [
        (AGENT, {"max_backoff_seconds": -1}, "max_backoff_seconds"),
        (AGENT, {"max_backoff_seconds": 1e300}, "max_backoff_seconds"),
        (AGENT, {"max_backoff_seconds": 1.5}, "max_backoff_seconds"),
        (AGENT, {"non_retryable": ["a", ""]}, "non_retryable[1]"),
        (AGENT, {"non_retryable": ["a"] * 65}, "non_retryable"),
        (AGENT, {"title": "x" * 5000}, "title"),
        (AGENT, {"input": {"x": 5}}, "input.x"),
        (CHECK, {"context": {"other": "1"}}, "context"),
        (WAIT, {"timeout_action": 5}, "timeout_action"),
    ],
)
def test_values_of_config(step_type: StepType, config: dict[str, Any], path: str) -> None:
    assert alone(step_type, config) == [(f"steps[0].config.{path}", "bad_config")]


TO = [{"$ref": f"#/$defs/{n}"} for n in range(17)]


@pytest.mark.parametrize(
    "form",
    [
        {"type": "nothing"},
        {"properties": []},
        {"pattern": "("},
        {"$ref": "https://example.org/form.json"},
        {"allOf": [{"$ref": "#/nowhere"}]},
        {"$ref": "#/%zz"},
        {"$schema": 5},
        {"$schema": []},
        {"$id": "http://[", "$ref": "x"},
        {"required": 1},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}},
        {"$ref": "#/title", "title": "a text"},
        {"patternProperties": {"^a": {}}},
        {"properties": {"a": {"pattern": "(?=a)b"}}},
        {
            "$ref": "#/$defs/0",
            "$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(16)} | {"16": {}},
        },
    ],
)
def test_forms_that_are_no_schema(form: dict[str, Any]) -> None:
    assert alone(TASK, {"form_schema": form}) == [("steps[0].config.form_schema", "bad_form_schema")]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"a": {}}, "$ref": "#/$defs/a"},
        {"properties": {"pattern": {"type": "string", "pattern": "^(a+)+$"}}},
    ],
)
def test_forms_of_the_dialect(form: dict[str, Any]) -> None:
    assert alone(TASK, {"form_schema": form}) == []


words = st.sampled_from(
    ["$ref", "$id", "$defs", "$schema", "$anchor", "$dynamicRef", "properties", "items", "type", "allOf", "pattern",
     "#", "#/$defs/a", "http://[", "http://json-schema.org/draft-07/schema#", "object", "a", "%", "("]
)  # fmt: skip
forms = st.recursive(
    st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.dictionaries(words, forms, max_size=3))
def test_no_form_breaks_the_check(form: dict[str, Any]) -> None:
    assert {reason for _, reason in alone(TASK, {"form_schema": form})} <= {"bad_form_schema"}


def test_config_of_endless_depth() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert problems(step("a", config={"input": deep})) == [("steps[0].config", "config_too_deep")]


# --- expressions ---------------------------------------------------------------------------------------------------


def reads(source: str, *, at: str = "b") -> list[tuple[str, str]]:
    """Findings for a source in the `config.input` of one step of a -> b -> c."""
    steps = [step(id, config={"input": {"x": source}} if id == at else {}) for id in ("a", "b", "c")]
    return problems(*steps, edges=edges("a>b", "b>c"))


@pytest.mark.parametrize(
    "source", ["a.output.x", "steps['a'].output.x", "steps.a.state", "input.x", "run.id", "now", "[1].map(i, i)"]
)
def test_names_in_scope(source: str) -> None:
    assert reads(source) == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("c.output.x", "not_upstream"),
        ("b.output.x", "not_upstream"),
        ("steps['c'].output", "not_upstream"),
        ("steps.c.output", "not_upstream"),
        ("steps['nosuch'].output", "unknown_step"),
        ("nosuch.output", "unknown_name"),
        ("event.type", "unknown_name"),
        ("compensated.output", "unknown_name"),
        ("item", "unknown_name"),
        ("1 +", "expression_syntax"),
        ("b'x'", "wrong_type"),
        ("x" * 3000, "expression_too_long"),
        ("(" * 500, "expression_too_deep"),
        ("[''].map(a, a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a+a+a+a)", "expression_too_costly"),
    ],
)
def test_names_out_of_scope(source: str, reason: str) -> None:
    assert reads(source) == [("steps[1].config.input.x", reason)]


def test_a_syntax_error_says_where() -> None:
    assert "at character 3" in find_problems(draft(step("a", config={"input": {"x": "1 +"}})))[0].message


@pytest.mark.parametrize(
    ("condition", "reasons"),
    [
        ("whatever > 5", []),
        ("a.output.x == 1 && steps['a'].state == 'COMPLETED' && now > timestamp(since)", []),
        ("'text'", ["wrong_type"]),
        ("b.output.x == 1", ["not_upstream"]),
        ("steps['b'].output.x == 1", ["not_upstream"]),
        ("b == 1", []),
    ],
)
def test_conditions_of_edges(condition: str, reasons: list[str]) -> None:
    expected = [("edges[0].condition_expr", reason) for reason in reasons]
    assert problems("a", "b", edges=edges(f"a>b if {condition}")) == expected


def test_a_branch_may_yield_anything() -> None:
    branch = step("b", BRANCH, condition_expr="{'tier': a.output.tier}")
    assert problems("a", branch, "c", edges=edges("a>b", "b>c")) == []


def test_a_filter_reads_the_event_and_names_steps_by_id() -> None:
    def wait(filter_expr: str) -> list[tuple[str, str]]:
        waits = step("b", WAIT, event_type_pattern="x", config={"filter_expr": filter_expr})
        return problems("a", waits, edges=edges("a>b"))

    assert wait("thread == steps['a'].output.thread && event.type != run.id && input.x == 1") == []
    assert wait("thread == a.output.thread") == [("steps[1].config.filter_expr", "not_upstream")]
    assert wait("'thread'") == [("steps[1].config.filter_expr", "wrong_type")]


def test_a_compensation_step_sees_what_it_undoes() -> None:
    def undo(source: str) -> list[tuple[str, str]]:
        undoing = step("u", config={"input": {"x": source}})
        return problems("a", step("b", compensation_step_id="u"), "c", undoing, edges=edges("a>b", "b>c"))

    assert undo("compensated.output.x") == undo("a.output.x") == undo("b.output.x") == []
    assert undo("c.output.x") == [("steps[3].config.input.x", "not_upstream")]


# --- limits --------------------------------------------------------------------------------------------------------


def test_too_many_steps_and_edges() -> None:
    crowd = [f"s{number}" for number in range(501)]
    assert problems(*crowd) == [("steps", "too_many_steps")]
    assert problems("a", edges=edges("a>b") * 2001) == [("edges", "too_many_edges")]
    assert find_warnings(draft(*crowd)) == []


@pytest.mark.parametrize(
    "written", [{str(i): "1" for i in range(5001)}, {str(i): "'" + "x" * 1500 for i in range(200)}]
)
def test_too_many_expressions(written: dict[str, str]) -> None:
    assert problems(step("a", config={"input": written})) == [("steps", "too_many_expressions")]


def test_the_largest_graph_is_checked() -> None:
    steps = [step(f"s{i}", config={"input": {"x": f"s{i - 1}.output.x"}} if i else {}) for i in range(500)]
    pairs = [(i, i + gap) for gap in (1, 2, 3, 4) for i in range(500 - gap)]
    version = draft(*steps, edges=tuple(Edge(f"s{a}", f"s{b}", f"x > {a}") for a, b in pairs))
    assert find_problems(version) == []
    assert find_warnings(version)


# --- all at once, and never an exception ---------------------------------------------------------------------------


def test_everything_is_found_at_once() -> None:
    expected = [
        ("edges[1]", "duplicate_edge"),
        ("edges[2].to_step_id", "unknown_step"),
        ("steps[0].condition_expr", "unexpected_condition"),
        ("steps[0].config.colour", "unknown_config"),
        ("steps[1].config.input.x", "unknown_name"),
        ("steps[1].timeout_seconds", "negative_timeout"),
        ("trigger.cron_expr", "bad_cron"),
    ]
    bad = [
        step("a", condition_expr="$", config={"colour": 1}),
        step("b", timeout_seconds=-1, config={"input": {"x": "y"}}),
    ]
    trigger = Trigger(TriggerType.SCHEDULE)
    assert problems(*bad, edges=edges("a>b", "a>b", "b>z"), trigger=trigger) == expected


ids = st.sampled_from(["a", "b", "c", "a-b", "a_b", "", "in", "run", "\0"])
text = st.sampled_from(
    ["", "a", "a.output.x", "x > 1", "1 +", "a..b", ">", "steps['b']", "\ud800", "0 0 * * *", "((((" * 99]
)
numbers = st.integers(-(2**31), 2**31 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from([*sorted({key for table in KEYS.values() for key in table}), "nosuch"])
policies = st.none() | st.builds(RetryPolicy, numbers, numbers, st.floats())
steps = st.builds(
    StepDefinition,
    id=ids,
    step_type=st.sampled_from(StepType),
    name=text,
    agent_id=text,
    risk_level=text,
    event_type_pattern=text,
    event_subject_pattern=text,
    notification_channel=text,
    condition_expr=text,
    compensation_step_id=ids | st.just(""),
    config=st.dictionaries(keys, json_values, max_size=4),
    retry_policy=policies,
    timeout_seconds=numbers,
)
triggers = st.none() | st.builds(Trigger, st.sampled_from(TriggerType), text, text, text, text, text, text, text, text)
drafts = st.builds(
    lambda steps, edges, trigger, policy, timeout: draft(
        *steps, edges=tuple(edges), trigger=trigger, default_retry_policy=policy, timeout_seconds=timeout
    ),
    st.lists(steps, max_size=6),
    st.lists(st.builds(Edge, ids, ids, text, text), max_size=8),
    triggers,
    policies,
    numbers,
)


@settings(max_examples=150)
@given(drafts)
def test_any_draft_gives_findings_and_no_exception(version: Version) -> None:
    for each in find_problems(version) + find_warnings(version):
        assert each.path
        assert each.reason.islower()
        assert each.message


# --- warnings ------------------------------------------------------------------------------------------------------


def warned(*steps: StepDefinition | str, arrows: list[str]) -> list[tuple[str, str]]:
    version = draft(*steps, edges=edges(*arrows))
    assert find_problems(version) == []
    return found(find_warnings(version))


def reader(id: str, source: str) -> StepDefinition:
    return step(id, config={"input": {"x": source}})


def test_a_broken_graph_has_no_warnings() -> None:
    assert find_warnings(draft("a", "b", edges=edges("a>b", "b>a"))) == []


def test_a_step_that_may_be_skipped() -> None:
    diamond = ["a>b if x > 1", "a>c", "b>d", "c>d"]
    reason = [("steps[3].config.input.x", "may_be_skipped")]
    assert warned("a", "b", "c", reader("d", "b.output.x"), arrows=diamond) == reason
    assert warned("a", "b", "c", reader("d", "steps['b'].output.x"), arrows=diamond) == reason
    assert warned("a", "b", "c", reader("d", "a.output.x + c.output.x"), arrows=diamond) == []


def test_a_step_that_must_have_run() -> None:
    assert warned("a", "b", reader("c", "b.output.x"), arrows=["a>b if x > 1", "b>c"]) == []
    assert warned("a", "b", "c", reader("d", "b.output.x"), arrows=["a>b", "a>c", "b>d", "c>d"]) == []


def test_a_choice_of_a_branch_may_be_skipped() -> None:
    branch = step("a", BRANCH)
    arrows = ["a>b if x > 1", "a>c", "b>d", "c>d", "d>e if b.output.x == 1"]
    assert warned(branch, "b", "c", "d", "e", arrows=arrows) == [("edges[4].condition_expr", "may_be_skipped")]
    assert warned(branch, "b", reader("c", "b.output.x"), arrows=["a>b", "b>c"]) == []


def test_a_branch_that_may_match_nothing() -> None:
    branch = step("a", BRANCH)
    assert warned(branch, "b", arrows=["a>b if x > 1"]) == [("steps[0]", "branch_without_default")]


def test_warnings_pass_over_what_does_not_compile() -> None:
    version = draft("a", "b", reader("c", "1 +"), edges=edges("a>b if x > 1", "a>c", "b>c"))
    assert find_warnings(version) == []


def test_a_compensation_step_is_warned_of_every_step_that_may_be_skipped() -> None:
    undone_step = step("d", compensation_step_id="u")
    arrows = ["a>b if x > 1", "a>d", "b>d"]
    assert warned("a", "b", undone_step, reader("u", "b.output.x + a.output.x"), arrows=arrows) == [
        ("steps[3].config.input.x", "may_be_skipped")
    ]
