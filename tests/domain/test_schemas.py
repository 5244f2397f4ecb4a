"""What runs of a version may start with and have to yield, by the schemas beside it."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain import forms
from service.domain.beginning import fork
from service.domain.calls import TellParent
from service.domain.commands import CompensateRun, Envelope, ForkRun, RetryStep
from service.domain.definition import RetryPolicy, Schemas
from service.domain.errors import Kind, Refusal
from service.domain.forms import MOST_VIOLATIONS, fault, violations
from service.domain.plan import Plan
from service.domain.schemas import check_input, output_fault
from service.domain.state import StepState
from service.domain.triggers import Objection
from tests.builders import NOW, Story, step, version

ROOT: dict[str, Any] = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
TEXT: dict[str, Any] = {"properties": {"tags": {"items": {"type": "string"}}}}


def story(payload: dict[str, Any] | None = None, **schemas: dict[str, Any]) -> Story:
    checked = replace(version([step("a")]), schemas=Schemas(3, schemas.get("input", {}), schemas.get("output", {})))
    return Story(checked, payload or {})


def forked(told: Story, schemas: Schemas) -> Any:
    plan = Plan.of(replace(told.plan.version, schemas=schemas))
    return fork(plan, told.run, Envelope(ForkRun("wfr_2", "a", "again"), "user:ann", "rpc:9"), NOW)


# --- starting --------------------------------------------------------------------------------------------------------


def test_a_run_starts_with_what_conforms_and_keeps_the_revision() -> None:
    assert story({"email": "a@b"}, input=ROOT).run.schema_revision == 3
    assert Story(version([step("a")])).run.schema_revision == 0


def test_every_place_that_does_not_conform_is_named() -> None:
    with pytest.raises(Refusal) as caught:
        check_input(Schemas(1, ROOT | TEXT), {"tags": ["x", 1.0]})
    refused = caught.value
    assert (refused.kind, refused.reason) == (Kind.INVALID, "input_schema")
    assert {(v.path, v.reason) for v in refused.violations} == {
        ("input_payload", "schema_mismatch"),
        ("input_payload.tags[1]", "schema_mismatch"),
    }
    assert "'email' is a required property" in [v.message for v in refused.violations]


def test_a_refusal_shows_no_value() -> None:
    with pytest.raises(Refusal) as caught:
        check_input(Schemas(1, {"properties": {"pin": {"pattern": "^[0-9]+$"}}}), {"pin": "secret"})
    assert "secret" not in repr(caught.value.violations) + caught.value.message


def test_a_run_that_cannot_begin_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        story({"mail": "a@b"}, input=ROOT)
    assert caught.value.reason == Objection.INPUT_SCHEMA.value == "input_schema"


def test_a_fork_is_checked_by_the_schemas_of_its_own_version() -> None:
    told = story({"mail": "a@b"})
    with pytest.raises(Refusal) as caught:
        forked(told, Schemas(5, ROOT))
    assert (caught.value.kind, caught.value.reason) == (Kind.CONFLICT, "input_schema")
    assert forked(told, Schemas(6)).run.schema_revision == 6


# --- completing ------------------------------------------------------------------------------------------------------


def test_a_run_whose_output_conforms_completes() -> None:
    told = story(output=ROOT)
    told.complete("a", email="a@b")
    assert told.state == "COMPLETED"


def test_a_run_whose_output_does_not_conform_has_failed() -> None:
    told = story(output=ROOT)
    told.complete("a", email=5.0)
    assert (told.state, told.run.failure_reason) == ("FAILED", "output_schema")
    assert told.run.failure_message == "output_payload.email is not of type string, as the output schema demands"
    assert (told.run.output_payload, told.run.completed_at) == ({"email": 5.0}, told.now)
    assert told.told()[-1] == "run.failed"
    assert told.states() == {"a": "COMPLETED"}


def test_more_faults_are_counted() -> None:
    schemas = Schemas(1, {}, {"properties": {"a": {"type": ["string", "null"]}, "b": False}})
    fault = output_fault(schemas, {"a": 1.0, "b": 2.0})
    assert fault == "output_payload.a is not of type string or null, as the output schema demands (and 1 more)"


def test_its_parent_hears_of_it() -> None:
    checked = replace(version([step("a")]), schemas=Schemas(1, {}, ROOT))
    told = Story(checked, parent_run_id="wfr_0", parent_step_id="call", parent_attempt=1)
    told.complete("a")
    (word,) = told.calls(TellParent)
    assert (word.state, word.reason) == ("FAILED", "output_schema")


def test_it_is_forked_or_undone_but_no_step_is_left_to_retry() -> None:
    undo = version([step("a", compensation_step_id="undo"), step("undo")], retry=RetryPolicy())
    told = Story(replace(undo, schemas=Schemas(1, {}, ROOT)))
    told.complete("a")
    refused = told.do(RetryStep("a", "again"))
    assert isinstance(refused, Refusal)
    assert refused.reason == "step_not_failed"
    told.do(CompensateRun("wrong"))
    told.complete("undo")
    assert (told.state, told.run.failure_reason) == ("FAILED", "output_schema")
    assert told["a"].state is StepState.COMPENSATED


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_each", "value"),
    [
        ({"allOf": [{"minimum": 0.0}] * 100}, 1.0),
        ({"enum": list(range(1900))}, 5.0),
        ({"anyOf": [{"const": number} for number in range(500)]}, -1.0),
        ({"properties": {f"p{number}": {} for number in range(500)}}, {}),
        ({"allOf": [{"pattern": "^x*$"}] * 50}, "x" * 200),
    ],
)
def test_no_payload_takes_long_to_check(of_each: dict[str, Any], value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as much is just as well refused, and takes ten times as long."""
    monkeypatch.setattr(forms, "MAX_WORK", forms.MAX_WORK // 10)
    schema = {"properties": {"a": {"items": of_each}}}
    assert fault(schema) is None
    payload = {"a": [value] * 200}
    assert [(v.path, v.reason) for v in violations(schema, payload, "x")] == [("x", "form_mismatch")]


def test_a_payload_may_be_as_large_as_is_quickly_checked() -> None:
    schema = {"properties": {"a": {"items": {"allOf": [{"minimum": 0.0}] * 100}}}}
    assert [v.reason for v in violations(schema, {"a": [1.0] * 2_000}, "x")] == ["form_mismatch"]
    assert not violations(schema, {"a": [1.0] * 400}, "x")


def test_large_lists_with_simple_rules_are_checked() -> None:
    schema = {"properties": {"a": {"type": "array", "items": {"type": "number", "minimum": 0.0}}}}
    assert violations(schema, {"a": [1.0] * 20_000}, "x") == ()
    (found,) = violations(schema, {"a": [*[1.0] * 19_999, "x"]}, "x")
    assert found.path == "x.a[19999]"


def test_at_most_a_hundred_places_are_named() -> None:
    schema = {"properties": {"a": {"items": {"type": "string"}}}}
    assert len(violations(schema, {"a": [1.0] * 500}, "x")) == MOST_VIOLATIONS


COSTLY = "(?:x{0,900}){0,1}[a-z9]{500}|x"


def test_patterns_that_repeat_much_are_matched_against_few_texts() -> None:
    form = {"properties": {"a": {"items": {"pattern": COSTLY}}}}
    assert fault(form) is None
    (found,) = violations(form, {"a": ["x"] * 3000}, "input_payload")
    assert "more than can be checked" in found.message
    assert not violations(form, {"a": ["x"] * 3}, "input_payload")


def test_ordinary_patterns_are_matched_against_many() -> None:
    form = {"properties": {"a": {"items": {"pattern": "^[a-z]{1,20}$"}}}}
    assert not violations(form, {"a": ["word"] * 2000}, "input_payload")


def test_all_patterns_of_a_form_are_bounded() -> None:
    form = {"properties": {f"p{number}": {"pattern": COSTLY} for number in range(30)}}
    assert fault(form) == "its patterns repeat too much"
