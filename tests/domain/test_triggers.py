"""Which events start which definitions, under which key, and with what."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.bus_event import BusEvent, HandedIn, Tap
from service.domain.definition import Definition, Trigger, TriggerType
from service.domain.plan import Plan
from service.domain.subject import Subject
from service.domain.triggers import Objection, address, addresses, cron_address, objection, start
from tests.builders import NOW, step, version

DEFINITION = Definition("wf_1", "ws_1", "One", "", 1, (), NOW, NOW, max_run_seconds=60)
TAP = Tap("hubspot", "contact", "90211", "created", "hs-1")
TYPE = "siphon.tap.hubspot.contact.created"
LEAD = Subject("ent_dana", "ENTITY_TYPE_CONTACT")


def on_event(event_type: str = "", event_subject: str = "", filter_expr: str = "") -> Trigger:
    return Trigger(TriggerType.EVENT, event_type=event_type, event_subject=event_subject, filter_expr=filter_expr)


def on_tap(provider: str = "", entity_type: str = "", action: str = "", filter_expr: str = "") -> Trigger:
    names = {"tap_provider": provider, "tap_entity_type": entity_type, "tap_action": action}
    return Trigger(TriggerType.WEBHOOK, **names, filter_expr=filter_expr)


def on_tick(cron_expr: str) -> Trigger:
    return Trigger(TriggerType.SCHEDULE, cron_expr=cron_expr)


def heard(**fields: Any) -> BusEvent:
    plain: dict[str, Any] = {"bus_subject": TYPE, "subject": "contact/90211", "tap": TAP, "payload": {"n": 1}}
    return BusEvent("e1", "tap/hubspot", TYPE, "ws_1", **(plain | fields))


def handed_in(kind: TriggerType, **fields: Any) -> BusEvent:
    return heard(handed_in=HandedIn(kind), **fields)


def plan(trigger: Trigger | None) -> Plan:
    return Plan.of(replace(version([step("a")]), trigger=trigger))


def met(trigger: Trigger | None, event: BusEvent, definition: Definition = DEFINITION) -> str:
    """`starts`, or why not."""
    return objection(definition, plan(trigger), event) or "starts"


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "found"),
    [
        (on_event("siphon.tap.*.contact.>"), "event:siphon.tap.*.contact.>"),
        (on_event(event_subject="contact/7"), "event:"),
        (on_tap("hubspot", "contact", "created"), "tap:hubspot.contact.created"),
        (on_tap(), "tap:.."),
        (on_tap("Hub Spot", "ENTITY_TYPE_CONTACT", "deal.won"), "tap:hub_spot.contact.deal_won"),
        (on_tap(entity_type="ENTITY_TYPE_UNSPECIFIED"), "tap:.."),
        (on_tick("0  9 * *   1"), "cron:0 9 * * 1"),
        (Trigger(TriggerType.MANUAL), ""),
        (Trigger(TriggerType.WORKFLOW, parent_workflow_id="wf_2"), ""),
        (None, ""),
    ],
)
def test_a_trigger_has_one_address(trigger: Trigger | None, found: str) -> None:
    assert address(trigger) == found


def test_a_tap_event_is_looked_up_by_its_type_and_by_eight_ways_to_name_it() -> None:
    found = addresses(heard())
    by_tap = {each for each in found if each.startswith("tap:")}
    assert by_tap == {f"tap:{p}.{e}.{a}" for p in ("hubspot", "") for e in ("contact", "") for a in ("created", "")}
    assert {"event:", "event:>", f"event:{TYPE}", "event:siphon.*.hubspot.>"} <= set(found) - by_tap
    assert len(found) == len(set(found))


def test_what_is_handed_in_is_for_one_kind_of_triggers() -> None:
    assert {each[:4] for each in addresses(handed_in(TriggerType.WEBHOOK))} == {"tap:"}
    assert {each[:6] for each in addresses(handed_in(TriggerType.EVENT))} == {"event:"}
    assert addresses(handed_in(TriggerType.EVENT, tap=None)) == addresses(heard(tap=None))


# --- does it start ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "verdict"),
    [
        (on_event(TYPE), "starts"),
        (on_event("siphon.tap.*.contact.>"), "starts"),
        (on_event("siphon.tap.gmail.>"), Objection.NO_MATCH),
        (on_event(TYPE, "contact/90211"), "starts"),
        (on_event("", "siphon.tap.*.contact.*"), "starts"),
        (on_event(TYPE, "contact/1"), Objection.NO_MATCH),
        (on_tap("hubspot", "ENTITY_TYPE_CONTACT", "created"), "starts"),
        (on_tap(entity_type="Contact"), "starts"),
        (on_tap("hubspot", "contact", "deleted"), Objection.NO_MATCH),
        (on_tick("* * * * *"), Objection.NO_MATCH),
        (Trigger(TriggerType.MANUAL), Objection.NO_MATCH),
        (None, Objection.NO_MATCH),
    ],
)
def test_the_latest_versions_trigger_decides(trigger: Trigger | None, verdict: str) -> None:
    assert met(trigger, heard()) == verdict


CHANGED = {"changes": {"stage": {"from": "new", "to": "qualified"}}, "snapshot": {"score": 80}, "event": "payload's"}


@pytest.mark.parametrize(
    ("filter_expr", "verdict"),
    [
        ("changes.stage.to == 'qualified' && snapshot.score >= 50", "starts"),
        ("changes.stage.to == 'lost'", Objection.FILTERED_OUT),
        ("event.type.endsWith('created') && event.id == 'e1'", "starts"),
        ("snapshot.nothing.here == 1", Objection.FILTER_FAILED),
        ("nobody > 3", Objection.FILTER_FAILED),
        ("snapshot.score", Objection.FILTER_FAILED),
    ],
)
def test_a_filter_sees_the_payload_and_the_event(filter_expr: str, verdict: str) -> None:
    assert met(on_tap(filter_expr=filter_expr), heard(payload=CHANGED)) == verdict


def test_what_is_disabled_does_not_start() -> None:
    assert met(on_event(TYPE), heard(), replace(DEFINITION, enabled=False)) == Objection.DISABLED


def test_an_event_never_starts_what_led_to_it() -> None:
    assert met(on_event(TYPE), heard(chain=("wf_2", "wf_1", "wf_3"))) == Objection.CYCLE
    assert met(on_event(TYPE), heard(chain=("wf_2",))) == "starts"
    assert met(on_event(TYPE, filter_expr="n == 2"), heard(chain=("wf_1",))) == Objection.FILTERED_OUT


def test_a_payload_no_run_can_hand_down_starts_none() -> None:
    assert met(on_event(TYPE), heard(payload={"x": "y" * 262_144})) == Objection.PAYLOAD_TOO_LARGE
    assert met(on_event(TYPE), heard(payload={"x": "y" * 262_000})) == "starts"


def test_only_what_would_have_started_is_kept() -> None:
    kept = {Objection.CYCLE, Objection.PAYLOAD_TOO_LARGE, Objection.INPUT_SCHEMA}
    assert {each for each in Objection if each.is_kept} == kept


# --- with what -------------------------------------------------------------------------------------------------------


def key_of(trigger: Trigger, event: BusEvent) -> str:
    begun = start(DEFINITION, plan(trigger), event, Subject(), "wfr_1", NOW + timedelta(seconds=59))
    return f"{begun.key.scope} {begun.key.key}"


def test_an_event_starts_a_definition_once() -> None:
    assert key_of(on_event(TYPE), heard()) == "event:wf_1 e1"
    assert key_of(on_event(TYPE), handed_in(TriggerType.EVENT)) == "event:wf_1 e1"


def test_a_change_starts_a_definition_once_whatever_event_tells_of_it() -> None:
    assert key_of(on_tap(), heard()) == "tap:wf_1 hs-1"
    assert key_of(on_tap(), handed_in(TriggerType.WEBHOOK)) == "tap:wf_1 hs-1"
    assert key_of(on_tap(), heard(tap=replace(TAP, provider_event_id=""))) == "tap:wf_1 e1"


def test_a_tick_starts_a_definition_once() -> None:
    event = handed_in(TriggerType.SCHEDULE)
    assert key_of(on_tick("0 9 * * *"), event) == "tick:wf_1 e1"
    assert key_of(on_tick("0 9 * * *"), replace(event, id="")) == "tick:wf_1 2026-03-02T09:00Z"
    assert met(on_tick("0 9 * * *"), event) == "starts"
    assert cron_address("") == "cron:"


def test_a_run_begins_with_what_the_event_says() -> None:
    begun = start(DEFINITION, plan(on_tap()), heard(chain=("wf_2",)), LEAD, "wfr_1", NOW).command
    assert (begun.trigger_type, begun.trigger_event_id, begun.input_payload) == (TriggerType.WEBHOOK, "e1", {"n": 1})
    assert (begun.entity_id, begun.entity_type) == ("ent_dana", "ENTITY_TYPE_CONTACT")
    assert (begun.chain, begun.max_seconds) == (("wf_2",), 60)


def test_a_run_begins_with_what_the_caller_says() -> None:
    said = HandedIn(TriggerType.WEBHOOK, "sdr", "ann", "ent_dana", "ENTITY_TYPE_CONTACT")
    begun = start(DEFINITION, plan(on_tap()), heard(handed_in=said), LEAD, "wfr_1", NOW).command
    assert (begun.initiator_agent_id, begun.initiator_user_id) == ("sdr", "ann")
