"""Are the fields of each step and of the version itself possible: names, patterns, times, retries, config, forms?"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from service.domain import config, forms
from service.domain.definition import RetryPolicy, StepDefinition, StepType, Version
from service.domain.errors import Violation
from service.domain.limits import MAX_DEPTH, MAX_ID, MAX_NAME
from service.domain.patterns import malformed, mended
from service.domain.suggestions import nearest

MAX_RETRIES = 1000
MAX_MULTIPLIER = 1000.0

RISK_LEVELS = frozenset(f"RISK_LEVEL_{name}" for name in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "CRITICAL"))
CHANNELS = frozenset(f"DELIVERY_CHANNEL_{name}" for name in ("UNSPECIFIED", "SLACK", "EMAIL", "WEBHOOK", "IN_APP"))

_LENGTHS: Mapping[str, int] = {
    "name": MAX_NAME,
    "agent_id": MAX_ID,
    "required_capability": MAX_ID,
    "action_type": MAX_ID,
    "notification_template": MAX_NAME,
    "prompt_name": MAX_NAME,
    "skill_id": MAX_ID,
}


def problems(draft: Version) -> Iterator[Violation]:
    for index, step in enumerate(draft.steps):
        yield from (found.within(f"steps[{index}]") for found in _step(step, draft))
    for index, edge in enumerate(draft.edges):
        if len(edge.label) > MAX_NAME:
            yield Violation(f"edges[{index}].label", "too_long", f"a label has at most {MAX_NAME} characters")
    yield from _version(draft)


def _version(draft: Version) -> Iterator[Violation]:
    yield from _timeout(draft.timeout_seconds)
    if len(draft.author) > MAX_NAME:
        yield Violation("author", "too_long", f"an author has at most {MAX_NAME} characters")
    if draft.default_retry_policy:
        yield from _retry("default_retry_policy", draft.default_retry_policy)


def _step(step: StepDefinition, draft: Version) -> Iterator[Violation]:
    yield from _lengths(step)
    yield from _names(step)
    yield from _timeout(step.timeout_seconds)
    if step.retry_policy:
        yield from _retry("retry_policy", step.retry_policy)
    if step.condition_expr and step.step_type is not StepType.BRANCH:
        message = "only a BRANCH has a condition, others have it on their edges"
        yield Violation("condition_expr", "unexpected_condition", message, suggestion="move it to an edge of this step")
    if step.step_type is StepType.AGENT_ACTION:
        yield from _agent(step)
    elif step.step_type is StepType.WAIT_FOR_EVENT:
        yield from _wait(step, draft)
    yield from _config(step)


def _lengths(step: StepDefinition) -> Iterator[Violation]:
    for name, most in _LENGTHS.items():
        if len(getattr(step, name)) > most:
            yield Violation(name, "too_long", f"{name} has at most {most} characters")


def _names(step: StepDefinition) -> Iterator[Violation]:
    if step.risk_level and step.risk_level not in RISK_LEVELS:
        yield _unknown("risk_level", "unknown_risk_level", step.risk_level, RISK_LEVELS)
    if step.notification_channel and step.notification_channel not in CHANNELS:
        yield _unknown("notification_channel", "unknown_channel", step.notification_channel, CHANNELS)


def _unknown(name: str, reason: str, word: str, known: frozenset[str]) -> Violation:
    return Violation(name, reason, f"one of {', '.join(sorted(known))}", suggestion=nearest(word, known))


def _agent(step: StepDefinition) -> Iterator[Violation]:
    if not step.agent_id and not step.required_capability and "workflow" not in step.config:
        yield Violation("agent_id", "no_agent", "an AGENT_ACTION names an agent or a required capability")
    if "items" in step.config and "workflow" in step.config:
        yield Violation(
            "config.items", "items_and_workflow", "a step works through a list or runs a workflow, not both"
        )
    for key in ("concurrency", "batch_size", "tolerated_failures"):
        if key in step.config and "items" not in step.config:
            hint = f"add config.items, or leave {key} out"
            yield Violation(f"config.{key}", "no_items", f"{key} is for a step with items", suggestion=hint)


def _wait(step: StepDefinition, draft: Version) -> Iterator[Violation]:
    patterns = {
        "event_type_pattern": step.event_type_pattern,
        "event_subject_pattern": step.event_subject_pattern,
    }
    for name, pattern in patterns.items():
        if why := malformed(pattern):
            yield Violation(name, "malformed_pattern", f"the pattern {why}", suggestion=mended(pattern))
    delay = step.config.get("timeout_action") and (step.timeout_seconds or draft.timeout_seconds)
    if not any(patterns.values()) and not delay:
        message = "a wait has an event pattern, or a timeout and config.timeout_action"
        yield Violation("event_type_pattern", "missing_pattern", message)


# --- times and retries ---------------------------------------------------------------------------------------------


def _timeout(seconds: int) -> Iterator[Violation]:
    if seconds < 0:
        yield Violation("timeout_seconds", "negative_timeout", "a timeout is not negative")
    elif seconds > config.MAX_SECONDS:
        yield Violation("timeout_seconds", "absurd_timeout", f"a timeout is at most {config.MAX_SECONDS} seconds")


def _retry(path: str, policy: RetryPolicy) -> Iterator[Violation]:
    if policy.max_retries < 0:
        yield Violation(f"{path}.max_retries", "negative_retries", "the number of retries is not negative")
    elif policy.max_retries > MAX_RETRIES:
        yield Violation(f"{path}.max_retries", "absurd_retries", f"there are at most {MAX_RETRIES} retries")
    if policy.backoff_seconds < 0:
        yield Violation(f"{path}.backoff_seconds", "negative_backoff", "a delay is not negative")
    elif policy.backoff_seconds > config.MAX_SECONDS:
        yield Violation(f"{path}.backoff_seconds", "absurd_backoff", f"a delay is at most {config.MAX_SECONDS} seconds")
    if not math.isfinite(policy.backoff_multiplier):
        yield Violation(f"{path}.backoff_multiplier", "bad_multiplier", "the multiplier is a finite number")
    elif not 0 <= policy.backoff_multiplier <= MAX_MULTIPLIER:
        yield Violation(
            f"{path}.backoff_multiplier", "bad_multiplier", f"the multiplier is between 0 and {MAX_MULTIPLIER:g}"
        )


# --- config --------------------------------------------------------------------------------------------------------


def _config(step: StepDefinition) -> Iterator[Violation]:
    if _deep(step.config, MAX_DEPTH):
        yield Violation("config", "config_too_deep", f"config nests at most {MAX_DEPTH} levels")
        return
    yield from (found.within("config") for found in config.faults(step.step_type, step.config))
    form = step.config.get("form_schema")
    if step.step_type is StepType.HUMAN_TASK and isinstance(form, Mapping) and (why := forms.fault(form)):
        yield Violation("config.form_schema", "bad_form_schema", why)


def _deep(value: Any, levels: int) -> bool:
    if not isinstance(value, Mapping | list):
        return False
    items = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(_deep(item, levels - 1) for item in items)
