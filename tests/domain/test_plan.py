"""A version made ready to run: inherited settings, and every expression compiled in its own scope."""

from collections.abc import Mapping

import pytest

from service.domain.definition import RetryPolicy, StepType, Trigger, TriggerType
from service.domain.expression_faults import ExpressionError
from service.domain.expressions import Program
from service.domain.plan import NO_RETRIES, Plan
from tests.domain.drafts import draft, edges, pipeline, step


def sources(programs: Mapping[str, Program] | None) -> dict[str, str]:
    return {key: program.source for key, program in (programs or {}).items()}


def test_the_pipeline() -> None:
    version = pipeline()
    plan = Plan.of(version)
    assert plan.version is version
    assert list(plan.steps) == [step.id for step in version.steps]
    conditions = [plan.edge_condition(edge) for edge in version.edges]
    assert [program.source for program in conditions if program] == [
        "deal_value_usd >= 50000",
        "deal_value_usd < 50000",
    ]
    branch = plan.steps["route-by-value"].condition
    assert branch
    assert branch.trailing_field == "deal_value_usd"
    assert plan.trigger_filter
    assert plan.trigger_filter.holds({"snapshot": {"lifecycle_stage": "lead"}})
    outreach = plan.steps["send-outreach"]
    assert list(outreach.input or {}) == ["to", "first_name", "company", "icp_score", "deal_value_usd"]
    assert outreach.config is outreach.definition.config
    assert sources(plan.steps["notify-outreach-failed"].variables)["outcome"] == "compensated.state"


def test_a_policy_replaces_the_versions_as_a_whole() -> None:
    own, default = RetryPolicy(max_retries=1), RetryPolicy(3, 30, 2.0)
    plan = Plan.of(draft(step("a", retry_policy=own), "b", default_retry_policy=default))
    assert plan.steps["a"].retry is own
    assert plan.steps["b"].retry is default
    assert Plan.of(draft("a")).steps["a"].retry is NO_RETRIES


def test_a_timeout_falls_back_to_the_versions() -> None:
    plan = Plan.of(draft(step("a", timeout_seconds=5), "b", timeout_seconds=60))
    assert (plan.steps["a"].timeout_seconds, plan.steps["b"].timeout_seconds) == (5, 60)
    assert Plan.of(draft("a")).steps["a"].timeout_seconds == 0


def test_what_config_says() -> None:
    continues = step("a", config={"on_failure": "continue", "input": {}})
    routes = step(
        "b", StepType.GOVERNANCE_CHECK, config={"on_denied": "route", "context": {"record_count": "a.output.n"}}
    )
    plan = Plan.of(draft(continues, routes, edges=edges("a>b if true")))
    assert (plan.steps["a"].on_failure_continue, plan.steps["a"].route_denied) == (True, False)
    assert (plan.steps["b"].on_failure_continue, plan.steps["b"].route_denied) == (False, True)
    assert plan.steps["a"].input == {}
    assert plan.steps["b"].input is None
    assert sources(plan.steps["b"].context) == {"record_count": "a.output.n"}
    assert plan.edge_condition(plan.version.edges[0])


def test_a_wait_filters_by_fields_of_the_event() -> None:
    wait = step("a", StepType.WAIT_FOR_EVENT, event_type_pattern="x", config={"filter_expr": "thread == input.thread"})
    program = Plan.of(draft(wait)).steps["a"].filter
    assert program
    assert program.names == {"thread", "input"}
    assert program.holds({"thread": "t1", "input": {"thread": "t1"}})


def test_keys_of_other_types_are_not_compiled() -> None:
    plan = Plan.of(draft(step("a", config={"context": {"x": "$"}, "filter_expr": "$"}, condition_expr="$")))
    assert plan.steps["a"].context == {}
    assert plan.steps["a"].filter is None
    assert plan.steps["a"].condition is None


def test_no_trigger_and_no_filter() -> None:
    assert Plan.of(draft("a")).trigger_filter is None
    assert Plan.of(draft("a", trigger=Trigger(TriggerType.MANUAL))).trigger_filter is None


def test_a_version_that_was_never_checked_is_refused() -> None:
    with pytest.raises(ExpressionError):
        Plan.of(draft(step("a", config={"input": {"x": "nosuch"}})))
