"""What starts a definition by itself: under which address its trigger is found, and whether an event really fires it.

A trigger has one address, an event all those under which triggers may want it, so that they are found by equality and
nothing is asked of the others: `event:<type pattern>`, `tap:<provider>.<entity type>.<action>` with nothing for any, or
`cron:<expression>`. What an address cannot tell (subject, filter, the chain of causes) is checked afterwards by
`objection`. Names of the tap are compared as it writes them into its subjects, and an entity type also by the name
that the entities service has for it.

Invariant: an event starts a definition at most once, whatever brings it here, because the key of a start is made of the
event alone. The store keeps the addresses; the starter asks the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product

import orjson

from service.domain import start_keys
from service.domain.bus_event import BusEvent, HandedIn
from service.domain.commands import StartRun
from service.domain.definition import Definition, Json, Trigger, TriggerType
from service.domain.expression_faults import ExpressionError
from service.domain.expressions import Program
from service.domain.limits import MAX_PAYLOAD_BYTES
from service.domain.patterns import generalizations, subject_matches
from service.domain.plan import Plan
from service.domain.schedule import tick_key
from service.domain.schemas import INPUT_SCHEMA
from service.domain.scope import event_view
from service.domain.start_keys import StartKey
from service.domain.subject import Subject

_AS_IN_SUBJECTS = str.maketrans(" /-:.", "_____")
_ENTITY_TYPE = "entity_type_"


class Objection(StrEnum):
    """Why an event that was found under a definition's address does not start it."""

    DISABLED = "disabled"
    NO_MATCH = "no_match"
    FILTERED_OUT = "filtered_out"
    FILTER_FAILED = "filter_failed"
    CYCLE = "cycle"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    INPUT_SCHEMA = INPUT_SCHEMA

    @property
    def is_kept(self) -> bool:
        """The event would have started a run, so somebody may ask why it did not."""
        return self in (Objection.CYCLE, Objection.PAYLOAD_TOO_LARGE, Objection.INPUT_SCHEMA)


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start, and the key that makes it one."""

    key: StartKey
    command: StartRun


def address(trigger: Trigger | None) -> str:
    """Empty when neither events nor the clock start it."""
    if trigger is None:
        return ""
    match trigger.trigger_type:
        case TriggerType.EVENT:
            return f"event:{trigger.event_type}"
        case TriggerType.WEBHOOK:
            return _tap_address(trigger.tap_provider, trigger.tap_entity_type, trigger.tap_action)
        case TriggerType.SCHEDULE:
            return cron_address(trigger.cron_expr)
        case _:
            return ""


def cron_address(cron_expr: str) -> str:
    return f"cron:{' '.join(cron_expr.split())}"


def addresses(event: BusEvent) -> list[str]:
    """All under which a trigger may be that the event fires; a tap event fires both kinds, unless it was handed in
    for one of them."""
    wanted = event.handed_in.trigger_type if event.handed_in else None
    found: list[str] = []
    if event.type and wanted in (None, TriggerType.EVENT):
        found += [f"event:{pattern}" for pattern in generalizations(event.type)]
    if event.tap and wanted in (None, TriggerType.WEBHOOK):
        names = (event.tap.provider, event.tap.entity_type, event.tap.action)
        found += [_tap_address(*chosen) for chosen in product(*({name, ""} for name in names))]
    return found


def objection(definition: Definition, plan: Plan, event: BusEvent) -> Objection | None:
    """None when the event starts a run of this, the definition's latest version."""
    trigger, payload = plan.version.trigger, event.payload or {}
    if not definition.enabled:
        return Objection.DISABLED
    if trigger is None or not _fires(trigger, event):
        return Objection.NO_MATCH
    if plan.trigger_filter and (refused := _filtered(plan.trigger_filter, {**payload, "event": event_view(event)})):
        return refused
    if definition.id in event.chain:
        return Objection.CYCLE
    return Objection.PAYLOAD_TOO_LARGE if len(orjson.dumps(payload)) > MAX_PAYLOAD_BYTES else None


def start(definition: Definition, plan: Plan, event: BusEvent, about: Subject, run_id: str, now: datetime) -> Start:
    """The run that the event starts; there must be no objection."""
    trigger = plan.version.trigger
    assert trigger is not None
    kind, said = trigger.trigger_type, event.handed_in or HandedIn(trigger.trigger_type)
    command = StartRun(
        run_id=run_id,
        trigger_type=kind,
        input_payload=event.payload or {},
        trigger_event_id=event.id,
        initiator_agent_id=said.initiator_agent_id,
        initiator_user_id=said.initiator_user_id,
        chain=event.chain,
        entity_id=about.entity_id,
        entity_type=about.entity_type,
        max_seconds=definition.max_run_seconds,
    )
    return Start(_key(kind, definition.id, event, now), command)


def _key(kind: TriggerType, definition_id: str, event: BusEvent, now: datetime) -> StartKey:
    """The tap says one change again under another event id, but under the provider's own."""
    match kind:
        case TriggerType.WEBHOOK:
            change_id = event.tap.provider_event_id if event.tap else ""
            return start_keys.by_tap(event.tenant, definition_id, change_id or event.id)
        case TriggerType.SCHEDULE:
            return start_keys.by_tick(event.tenant, definition_id, event.id or tick_key(now))
        case _:
            return start_keys.by_event(event.tenant, definition_id, event.id)


def _fires(trigger: Trigger, event: BusEvent) -> bool:
    """The version may be newer than the one whose trigger was looked up."""
    if trigger.trigger_type is TriggerType.SCHEDULE:
        return event.handed_in is not None and event.handed_in.trigger_type is TriggerType.SCHEDULE
    if address(trigger) not in addresses(event):
        return False
    by_subject = trigger.event_subject if trigger.trigger_type is TriggerType.EVENT else ""
    return subject_matches(by_subject, event.bus_subject, event.subject)


def _filtered(program: Program, scope: Mapping[str, Json]) -> Objection | None:
    try:
        return None if program.holds(scope) else Objection.FILTERED_OUT
    except ExpressionError:
        return Objection.FILTER_FAILED


def _tap_address(provider: str, entity_type: str, action: str) -> str:
    return f"tap:{_name(provider)}.{_entity_type(entity_type)}.{_name(action)}"


def _name(text: str) -> str:
    return text.lower().translate(_AS_IN_SUBJECTS)


def _entity_type(text: str) -> str:
    name = text.lower().removeprefix(_ENTITY_TYPE)
    return "" if text.lower() == f"{_ENTITY_TYPE}unspecified" else _name(name)
