"""What a step's `config` may hold: one table of keys per step type, each key with a small JSON Schema.

A key that is not in its type's table is refused at publish, so that a misspelt one cannot be ignored in silence.
Expressions are only known as text here; `places` says in which names they are compiled. Seconds are whole numbers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from service.domain.definition import Payload, StepType
from service.domain.errors import Violation, path_to
from service.domain.suggestions import nearest, one_of

MAX_SECONDS = 315_360_000
"""Ten years: a longer timeout or delay is a mistake."""

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 4000}
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 128}
_EXPRESSION: Schema = {"type": "string", "minLength": 1}
_EXPRESSIONS: Schema = {"type": "object", "additionalProperties": _EXPRESSION}
_FLAG: Schema = {"type": "boolean"}
_SECONDS: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SECONDS}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


_EVERY: Mapping[str, Schema] = {
    "input": _EXPRESSIONS,
    "compensate_on": {"enum": ["completed"]},
}
_CONTINUES: Mapping[str, Schema] = {"on_failure": {"enum": ["continue"]}}
_ROUTES: Mapping[str, Schema] = {"on_denied": {"enum": ["route"]}}
_RETRIES: Mapping[str, Schema] = {
    "max_backoff_seconds": _SECONDS,
    "non_retryable": {"type": "array", "items": _ID, "maxItems": 64},
}

KEYS: Mapping[StepType, Mapping[str, Schema]] = {
    StepType.AGENT_ACTION: {
        **_EVERY,
        **_CONTINUES,
        **_RETRIES,
        "title": _TEXT,
        "description": _TEXT,
        "heartbeat_seconds": _SECONDS,
        "result_grace_seconds": _SECONDS,
        "output_required": _FLAG,
        "items": _EXPRESSION,
        "concurrency": _whole(1, 1000),
        "batch_size": _whole(1, 1000),
        "tolerated_failures": _whole(0, 100_000),
        "workflow": {
            **_object(definition_id=_ID, name=_TEXT, version=_whole(0, 2**31 - 1), input=_EXPRESSIONS),
            "oneOf": [{"required": ["definition_id"]}, {"required": ["name"]}],
        },
    },
    StepType.APPROVAL_GATE: {**_EVERY, **_ROUTES, "approver_user_id": _ID},
    StepType.GOVERNANCE_CHECK: {
        **_EVERY,
        **_ROUTES,
        "context": _object(
            record_count=_EXPRESSION,
            currency_amount=_EXPRESSION,
            currency_code=_EXPRESSION,
            environment=_EXPRESSION,
            data_classification=_EXPRESSION,
        ),
    },
    StepType.WAIT_FOR_EVENT: {
        **_EVERY,
        **_CONTINUES,
        "filter_expr": _EXPRESSION,
        "correlate": _object("event", "run", event=_EXPRESSION, run=_EXPRESSION),
        "accept_after": {"enum": ["run_start", "step_start"]},
        "timeout_action": _ID,
    },
    StepType.BRANCH: {**_EVERY, **_CONTINUES},
    StepType.PARALLEL: {**_EVERY, **_CONTINUES},
    StepType.NOTIFICATION: {
        **_EVERY,
        **_CONTINUES,
        **_RETRIES,
        "recipient": _ID,
        "priority": {
            "enum": [f"PRIORITY_{name}" for name in ("UNSPECIFIED", "LOW", "NORMAL", "HIGH", "URGENT")],
        },
        "category": {
            "enum": [
                f"NOTIFICATION_CATEGORY_{name}"
                for name in (
                    "UNSPECIFIED",
                    "APPROVAL_REQUEST",
                    "BUDGET_ALERT",
                    "PII_DETECTION",
                    "INCIDENT",
                    "REPORT",
                    "INTEGRATION",
                    "DIGEST",
                    "GENERAL",
                )
            ],
        },
        "subject": _TEXT,
        "body": _TEXT,
        "variables": _EXPRESSIONS,
        "required": _FLAG,
    },
    StepType.HUMAN_TASK: {
        **_EVERY,
        **_CONTINUES,
        "title": _TEXT,
        "instructions": _TEXT,
        "form_schema": {"type": "object"},
        "assignee": _ID,
        "group": _ID,
        "due_seconds": _SECONDS,
        "reminder_seconds": _SECONDS,
    },
}

_VALIDATORS = {
    step_type: {key: Draft202012Validator(schema) for key, schema in keys.items()} for step_type, keys in KEYS.items()
}


def faults(step_type: StepType, config: Payload) -> Iterator[Violation]:
    """With paths below `config`; the reasons are `unknown_config` and `bad_config`."""
    validators = _VALIDATORS[step_type]
    for key, value in config.items():
        if key not in validators:
            message = f"{step_type} has no config key {key!r}"
            yield Violation(key, "unknown_config", message, suggestion=_known_key(step_type, key))
        else:
            for error in validators[key].iter_errors(value):
                message = _sentence(error.validator, error.validator_value)
                yield Violation(path_to(key, error.absolute_path), "bad_config", message, suggestion=_meant(error))


def _sentence(rule: str, value: Any) -> str:
    """What was expected, never what was given."""
    return {
        "type": f"must be of type {value}",
        "enum": f"must be one of {value}",
        "minimum": f"must be at least {value}",
        "maximum": f"must be at most {value}",
        "minLength": "must not be empty",
        "maxLength": f"must have at most {value} characters",
        "maxItems": f"must have at most {value} entries",
        "additionalProperties": "has a key that is not known",
    }.get(rule, "does not have the expected form")


# --- suggestions ---------------------------------------------------------------------------------------------------


def _known_key(step_type: StepType, key: str) -> str:
    owners = [other for other, keys in KEYS.items() if key in keys]
    if owners:
        return f"{key!r} is for {', '.join(owners)}"
    return nearest(key, KEYS[step_type]) or one_of(KEYS[step_type])


def _meant(error: ValidationError) -> str:
    given: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "enum" and isinstance(given, str):
        return nearest(given, wanted)
    if error.validator == "additionalProperties":
        known = schema["properties"]
        return next((found for key in given if key not in known and (found := nearest(key, known))), "")
    if error.validator == "type" and wanted == "integer" and isinstance(given, str) and given.isdecimal():
        return "write it as a number, without quotes"
    return ""
