"""Can the trigger of a version ever fire, and only when it is meant to?"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from croniter import croniter
from croniter.croniter import CroniterError

from service.domain.definition import Trigger, TriggerType, Version
from service.domain.errors import Violation
from service.domain.patterns import malformed

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
            yield Violation("trigger.cron_expr", "bad_cron", why)


def _patterns(trigger: Trigger) -> Iterator[Violation]:
    patterns = {"event_type": trigger.event_type, "event_subject": trigger.event_subject}
    for name, pattern in patterns.items():
        if why := malformed(pattern):
            yield Violation(f"trigger.{name}", "malformed_pattern", f"the pattern {why}")
    if trigger.trigger_type is TriggerType.EVENT and not any(patterns.values()):
        yield Violation("trigger.event_type", "missing_pattern", "an EVENT trigger has a pattern of type or subject")


def _lengths(trigger: Trigger) -> Iterator[Violation]:
    for name in ("tap_provider", "tap_entity_type", "tap_action", "parent_workflow_id"):
        if len(getattr(trigger, name)) > MAX_LENGTH:
            yield Violation(f"trigger.{name}", "too_long", f"{name} has at most {MAX_LENGTH} characters")
    kind = trigger.tap_entity_type
    if kind.startswith("ENTITY_TYPE_") and kind not in ENTITY_TYPES:
        yield Violation("trigger.tap_entity_type", "unknown_entity_type", f"one of {', '.join(sorted(ENTITY_TYPES))}")


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
