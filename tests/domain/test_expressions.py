"""Expressions: what compiles, what they give, how they fail, and that none of them runs away."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.expression_faults import ConditionError, ExpressionError
from service.domain.expression_text import named_steps, shape, step_like_names, tokenize
from service.domain.expressions import MAX_LENGTH, Wants, compile_program

NAMES = frozenset({"steps", "input", "run", "now", "qualify_lead"})
SCOPE: Mapping[str, Any] = {
    "steps": {"qualify-lead": {"output": {"score": 7}}, "in": {"output": {}}},
    "input": {"deal": 85000, "name": "Ann", "tags": ["a", "b"], "nil": None},
    "run": {"id": "wfr_1", "version": 2},
    "now": datetime(2026, 3, 2, 9, 30, 15, 250000, tzinfo=UTC),
    "qualify_lead": {"output": {"deal_value_usd": 85000.0}, "state": "COMPLETED"},
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("input.deal == 85000", True),
        ("input.deal >= 50000", True),
        ("input.deal * 2.0", 170000.0),
        ("input.deal", 85000.0),
        ("qualify_lead.output.deal_value_usd", 85000.0),
        ('steps["qualify-lead"].output.score > 5', True),
        ('steps["in"].output', {}),
        ("input.tags[0] + input.name", "aAnn"),
        ("input.tags.map(tag, tag + '!')", ["a!", "b!"]),
        ("size(input.tags)", 2),
        ("{'a': [1, 2.5, null, true]}", {"a": [1, 2.5, None, True]}),
        ("now", "2026-03-02T09:30:15.250000Z"),
        ("now > timestamp('2026-01-01T00:00:00Z')", True),
        ("has(input.nothing)", False),
        ("input.nil == null", True),
        ("true ? 'x' : run.id", "x"),
        ("input.name.matches('(A+)+n')", True),
    ],
)
def test_values_are_plain_json(source: str, expected: object) -> None:
    assert compile_program(source, NAMES).evaluate(SCOPE) == expected


@pytest.mark.parametrize("value", [3, 3.0, Decimal("3")])
def test_every_number_is_a_double(value: object) -> None:
    program = compile_program("x / 2.0 == 1.5 && x == 3", {"x"})
    assert program.holds({"x": value})


@pytest.mark.parametrize("value", [{"a": [1]}, MappingProxyType({"a": (1,)})])
def test_any_mapping_and_sequence_is_json(value: object) -> None:
    assert compile_program("x.a", {"x"}).evaluate({"x": value}) == [1.0]


def test_a_naive_time_is_utc() -> None:
    assert compile_program("now", {"now"}).evaluate({"now": datetime(2026, 1, 2)}) == "2026-01-02T00:00:00Z"  # noqa: DTZ001


# --- names ---------------------------------------------------------------------------------------------------------


def test_a_program_knows_the_names_it_uses() -> None:
    program = compile_program("qualify_lead.input.a > 3 && 'run' != input.b // now", NAMES)
    assert program.names == {"qualify_lead", "input"}


def test_loop_variables_are_no_names() -> None:
    assert compile_program("tags.all(t, t != other)", (), open_names=True).names == {"tags", "other"}


def test_open_names_are_null_when_absent() -> None:
    program = compile_program("error != null || snapshot == null", NAMES, open_names=True)
    assert program.names == {"error", "snapshot"}
    assert program.holds({}) is True


def test_a_known_name_keeps_its_type_among_open_ones() -> None:
    program = compile_program("now > timestamp(since)", NAMES, open_names=True)
    assert program.holds({**SCOPE, "since": "2026-01-01T00:00:00Z"}) is True


def test_names_of_types_stay_types() -> None:
    assert compile_program("type(x) == list", {"x", "list", "type"}).holds({"x": [], "list": "a step"})


def test_names_that_are_not_known_may_have_any_type() -> None:
    assert compile_program("now == 'later'", (), open_names=True).holds({"now": "later"})


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("qualify_lead.output.deal_value_usd", "deal_value_usd"),
        (' steps["qualify-lead"].output.score ', "score"),
        ("input.tags[0]", None),
        ("input", None),
        ("input.deal + 1.0", None),
        ("true ? input.deal : run.id", None),
    ],
)
def test_the_field_that_an_expression_ends_in(source: str, field: str | None) -> None:
    assert compile_program(source, NAMES).trailing_field == field


# --- what does not compile -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason", "offset", "name"),
    [
        ("", "expression_syntax", 0, None),
        ("input.deal >", "expression_syntax", 12, None),
        ("run.id ==\n 'x' $", "expression_syntax", 15, None),
        ("'\ud800'", "expression_syntax", 1, None),
        ("'\0'", "expression_syntax", 1, None),
        ("namespace.x", "expression_syntax", 0, None),
        ("input.deal > nosuch", "unknown_name", 13, "nosuch"),
        ("true &&\n nosuch.a.b", "unknown_name", 9, "nosuch"),
        (".nosuch", "unknown_name", 1, "nosuch"),
        ("input{a: 1}", "expression_syntax", 0, None),
        ("f(1)", "unknown_function", 0, "f"),
        ("input.name.lower()", "unknown_function", 11, "lower"),
        ("'a' + 1", "wrong_type", 4, None),
        ("true ? 1 : 'a'", "wrong_type", 5, None),
        ("b'abc'", "wrong_type", None, None),
        ("now - now", "wrong_type", None, None),
        ("type(1)", "wrong_type", None, None),
        ("(" * 500 + "1" + ")" * 500, "expression_too_deep", None, None),
        ("1" + "+1" * 100, "expression_too_deep", None, None),
        ("'" + "é" * 1024 + "'", "expression_too_long", None, None),
        ("[input.name]" + ".map(a, a + a)" * 8, "expression_too_costly", None, None),
        ("[input.name].exists(a, [a + a].exists(b, [b + b + b].exists(c, [c + c + c + c] != [])))",
         "expression_too_costly", None, None),
    ],
)  # fmt: skip
def test_refused(source: str, reason: str, offset: int | None, name: str | None) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_program(source, NAMES)
    error = refused.value
    assert (error.reason, error.offset, error.name) == (reason, offset, name)
    assert "INVALID_ARGUMENT" not in str(error)


def test_too_many_open_names_are_refused() -> None:
    source = "[" + ",".join(f"n{i}" for i in range(300)) + "]"
    with pytest.raises(ExpressionError, match="at most 64 names"):
        compile_program(source, (), open_names=True)


@pytest.mark.parametrize(
    ("source", "wants"),
    [("1 + 1", Wants.BOOL), ("'a'", Wants.LIST), ("input.deal + 'a'", Wants.BOOL), ("{}", Wants.LIST)],
)
def test_a_type_that_cannot_be_is_refused(source: str, wants: Wants) -> None:
    with pytest.raises(ExpressionError, match="the place needs") as refused:
        compile_program(source, NAMES, wants=wants)
    assert refused.value.reason == "wrong_type"


@pytest.mark.parametrize(
    ("source", "wants"),
    [("input.flag", Wants.BOOL), ("input.deal > 3", Wants.BOOL), ("[1]", Wants.LIST), ("input.a", Wants.LIST)],
)
def test_a_type_that_may_be_is_taken(source: str, wants: Wants) -> None:
    compile_program(source, NAMES, wants=wants)


# --- what fails at run time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason", "words"),
    [
        ("input.nothing.more", "missing_field", "'nothing' is missing"),
        ('steps["other"].output', "missing_field", "'other' is missing"),
        ("input.tags[9]", "missing_field", "outside its list"),
        ("absent.field", "missing_field", "absent is absent"),
        ("input.name.first", "wrong_type", "wrong type"),
        ("input.deal * 2", "wrong_type", "write 2.0 for 2"),
        ("input.name < run.version", "wrong_type", "(string, double)"),
        ("1 / (size(input.tags) - 2)", "division_by_zero", "division by zero"),
        ("1 % (size(input.tags) - 2)", "division_by_zero", "division by zero"),
        ("1.0 / (input.deal - 85000.0)", "wrong_type", "no form in JSON"),
        ("int(input.deal * 1e300)", "out_of_range", "out of range"),
        ("int(input.name)", "wrong_value", "form"),
        ("timestamp(input.name)", "wrong_value", "form"),
        ("input.name.matches('(')", "wrong_value", "regular expression"),
        ("{1: 2}", "wrong_type", "key that is not text"),
        ("'a\\u0000'", "wrong_type", "no form in JSON"),
        ("[" * 20 + "1" + "]" * 20, "wrong_value", "too deeply"),
        ("dyn(b'a')", "wrong_type", "no form in JSON"),
    ],
)
def test_errors_name_the_expression_and_hide_the_values(source: str, reason: str, words: str) -> None:
    program = compile_program(source, NAMES, open_names=True)
    with pytest.raises(ConditionError) as failed:
        program.evaluate(SCOPE)
    assert failed.value.reason == reason
    assert words in str(failed.value)
    assert repr(source) in str(failed.value)
    assert "Ann" not in str(failed.value)


@pytest.mark.parametrize("value", ["lead", 1, None, [True]])
def test_a_condition_is_true_or_false(value: object) -> None:
    with pytest.raises(ConditionError, match="neither true nor false"):
        compile_program("x", {"x"}).holds({"x": value})


def test_a_name_that_is_missing_is_told() -> None:
    with pytest.raises(ConditionError) as failed:
        compile_program("snapshot.stage == 'lead'", (), open_names=True).holds({})
    assert failed.value.name == "snapshot"


@pytest.mark.parametrize(
    ("value", "reason"),
    [(10**400, "out_of_range"), ("\ud800", "wrong_type"), (object(), "wrong_type"), ({1, 2}, "wrong_type")],
)
def test_data_that_is_not_json_is_an_error(value: object, reason: str) -> None:
    with pytest.raises(ConditionError) as failed:
        compile_program("x == 1", {"x"}).evaluate({"x": value})
    assert failed.value.reason == reason


def test_data_without_end_is_an_error() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ConditionError, match="nests too deeply"):
        compile_program("x == 1", {"x"}).evaluate({"x": endless})


# --- bounds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "scope"),
    [
        ("xs.all(a, xs.all(b, xs.all(c, true)))", {"xs": [1] * 100}),
        ("xs.all(x, !text.contains('zz'))", {"xs": [1] * 5000, "text": "z " * 200_000}),
        ("xs.all(x, x in xs)", {"xs": list(range(5000))}),
        ("texts.all(x, !x.matches('(?:x{0,900}){0,1}[a-z9]{500}'))", {"texts": ["x"] * 3000}),
        ("texts.all(x, !x.matches('[a-z]\\x7b900}'))", {"texts": ["x"] * 3000}),
        ("texts.all(x, !x.matches('[a-z]{9' + '00}'))", {"texts": ["x"] * 3000}),
        ("texts.all(x, !x.matches(p))", {"texts": ["x"] * 3000, "p": "(?:[a-z]{0,30}){0,30}"}),
        ("texts.all(x, !matches(x, p))", {"texts": ["x"] * 3000, "p": "(?:[a-z]{0,30}){0,30}"}),
        ("texts.all(x, !x.matches('[a-z]' + p))", {"texts": ["x"] * 3000, "p": "{900}"}),
        ("xs.all(x, other == other)", {"xs": [1] * 9000, "other": {str(i): i for i in range(5000)}}),
    ],
)
def test_costly_evaluations_are_broken_off(source: str, scope: dict[str, Any]) -> None:
    program = compile_program(source, scope)
    with pytest.raises(ConditionError) as failed:
        program.evaluate(scope)
    assert failed.value.reason == "expression_too_costly"


@pytest.mark.parametrize("pattern", ["'^[a-z]+$'", "p", r"'^[a-z]{1,20}$'", r"r'^\w{2,5}$'"])
def test_ordinary_patterns_are_not_too_costly(pattern: str) -> None:
    scope = {"texts": ["word"] * 2000, "p": "^w.*d$"}
    assert compile_program(f"texts.all(x, x.matches({pattern}))", scope).evaluate(scope) is True


def test_a_field_can_be_called_matches() -> None:
    assert compile_program("input.matches", {"input"}).evaluate({"input": {"matches": 3}}) == 3


def test_ordinary_lists_are_not_too_costly() -> None:
    deals = [{"name": f"deal {i}", "value": i, "tags": ["a", "b"]} for i in range(1000)]
    program = compile_program("deals.filter(d, d.value > 990.0 && 'a' in d.tags).map(d, d.name + '!')", {"deals"})
    assert len(program.evaluate({"deals": deals})) == 9


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from([*"()[]{}.,:?!+-*/%<>=&|\"'\\\n 1a", "map(", "true", "input", "in ", "r'", '"""']), max_size=60
    )
)
def test_no_text_breaks_the_compiler(parts: list[str]) -> None:
    with suppress(ExpressionError):
        compile_program("".join(parts), NAMES, open_names=True).evaluate(SCOPE)


def test_the_longest_text_is_taken() -> None:
    source = "'" + "a" * (MAX_LENGTH - 2) + "'"
    assert compile_program(source, ()).evaluate({}) == source[1:-1]


# --- the text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "growth", "macros", "depth", "literals"),
    [
        ("a + b", 2, 0, 0, 1),
        ("[1, 2, 3]", 1, 0, 0, 3),
        ("a.map(b, b + b)", 2, 1, 1, 1),
        ("a.map(b, [b, b, b])", 3, 1, 1, 3),
        ("a.filter(b, b > 1).map(b, {'x': b})", 2, 2, 1, 1),
        ("a.all(b, b.all(c, c + b))", 4, 2, 2, 1),
        ("'a.map(b, b + b)' == r'\\' + \"+\\\"+\" // +", 2, 0, 0, 1),
        ("map(a, b)", 1, 0, 0, 2),
        (")", 1, 0, 0, 1),
        (",", 1, 0, 0, 2),
    ],
)
def test_shape(source: str, growth: int, macros: int, depth: int, literals: int) -> None:
    found = shape(tokenize(source))
    assert (found.growth, found.macros, found.depth, found.literals) == (growth, macros, depth, literals)


def test_steps_that_an_expression_names() -> None:
    tokens = tokenize("steps['a-b'].output.x + steps.c.output + x.steps.d + steps[e] + \"steps['f']\"")
    assert list(named_steps(tokens)) == ["a-b", "c"]


def test_names_that_look_like_steps() -> None:
    assert list(step_like_names(tokenize("a.output.b + c.d + e.f.output + g.state"))) == ["a", "g"]
