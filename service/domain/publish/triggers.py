"""Can the trigger of a version ever fire, and only when it is meant to?"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from croniter import croniter
from croniter.croniter import CroniterError

from service.domain.definition import Trigger, TriggerType, Version
from service.domain.errors import Violation
from service.domain.patterns import malformed, mended
from service.domain.suggestions import did_you_mean, nearest

MAX_LENGTH = 200

ENTITY_TYPES = frozenset(
    f"ENTITY_TYPE_{name}" for name in ("UNSPECIFIED", "CONTACT", "COMPANY", "DEAL", "TICKET", "CUSTOMER", "OPPORTUNITY")
)

_RANDOM = re.compile(r"(?<![a-z])[rh](?![a-z])", re.IGNORECASE)
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)


def problems(draft: Version) -> Iterator[Violation]:
    if draft.trigger:
        yield from _patterns(draft.trigger)
        yield from _lengths(draft.trigger)
        if draft.trigger.trigger_type is TriggerType.SCHEDULE and (why := bad_cron(draft.trigger.cron_expr)):
            yield Violation("trigger.cron_expr", "bad_cron", why, suggestion=mended_cron(draft.trigger.cron_expr))


def _patterns(trigger: Trigger) -> Iterator[Violation]:
    patterns = {"event_type": trigger.event_type, "event_subject": trigger.event_subject}
    for name, pattern in patterns.items():
        if why := malformed(pattern):
            suggestion = mended(pattern)
            yield Violation(f"trigger.{name}", "malformed_pattern", f"the pattern {why}", suggestion=suggestion)
    if trigger.trigger_type is TriggerType.EVENT and not any(patterns.values()):
        yield Violation("trigger.event_type", "missing_pattern", "an EVENT trigger has a pattern of type or subject")


def _lengths(trigger: Trigger) -> Iterator[Violation]:
    for name in ("tap_provider", "tap_entity_type", "tap_action", "parent_workflow_id"):
        if len(getattr(trigger, name)) > MAX_LENGTH:
            yield Violation(f"trigger.{name}", "too_long", f"{name} has at most {MAX_LENGTH} characters")
    kind = trigger.tap_entity_type
    if kind.startswith("ENTITY_TYPE_") and kind not in ENTITY_TYPES:
        message = f"one of {', '.join(sorted(ENTITY_TYPES))}"
        suggestion = nearest(kind, ENTITY_TYPES)
        yield Violation("trigger.tap_entity_type", "unknown_entity_type", message, suggestion=suggestion)


def bad_cron(expression: str) -> str | None:
    """Why this is no schedule of five fields that fires; None when it is one."""
    if len(expression) > MAX_LENGTH or len(expression.split()) != 5:
        return "a schedule has five fields: minute, hour, day of month, month, day of week"
    if _RANDOM.search(expression):
        return "a schedule has no random fields"
    try:
        croniter(expression, _SOME_TIME).get_next()
    except (CroniterError, ValueError, OverflowError) as error:
        return "the schedule never fires" if "next date" in str(error) else "the schedule cannot be read"
    return None


_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = (
    "a minute is 0 to 59",
    "an hour is 0 to 23",
    "a day of the month is 1 to 31",
    "a month is 1 to 12",
    "a day of the week is 0 to 7",
)


def mended_cron(expression: str) -> str:
    """A suggestion for a bad schedule: what other dialects write otherwise, or the field that is out of its range."""
    if len(expression) > MAX_LENGTH:
        return ""
    fields = expression.split()
    if len(fields) in (6, 7):
        fields = fields[1:6]  # seconds first, a year last
    tried = _MACROS.get(expression.strip().lower(), " ".join(fields))
    if tried != expression and not bad_cron(tried):
        return did_you_mean(tried)
    return next(
        (_RANGES[place] for place in range(len(fields) if len(fields) == 5 else 0) if _unfit(fields, place)), ""
    )


def _unfit(fields: list[str], place: int) -> bool:
    """Whether that field is wrong by itself."""
    return bad_cron(" ".join(field if other == place else "*" for other, field in enumerate(fields))) is not None
