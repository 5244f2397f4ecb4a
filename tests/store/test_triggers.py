"""The index of triggers, what routing writes for definitions, and how that is claimed and settled."""

import asyncio
from dataclasses import replace
from itertools import count
from typing import Any

import psycopg
import pytest

from service.domain.bus_event import BusEvent, HandedIn, Tap
from service.domain.calls import Deliver
from service.domain.decision import Guard
from service.domain.definition import Trigger, TriggerType
from service.domain.errors import Refusal
from service.domain.idempotency import Idem
from service.engine.ports.triggers import TriggerDelivery
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.pool import Pool
from service.store.runs import Runs
from service.store.triggers import Triggers
from tests.builders import step, version
from tests.store.decisions import LEASE, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
TYPE = "siphon.tap.hubspot.contact.created"
_numbers = count(1)


@pytest.fixture
def triggers(engine_pool: Pool) -> Triggers:
    return Triggers(engine_pool)


def event(event_id: str = "e1", **fields: Any) -> BusEvent:
    plain: dict[str, Any] = {"payload": {"n": 1}, "tap": Tap("hubspot", "contact", "7", "created")}
    return BusEvent(event_id, "tap/hubspot", TYPE, fields.pop("tenant", "ws_1"), **(plain | fields))


async def published(definitions: Definitions, *triggers: Trigger | None, workspace: str = "ws_1") -> str:
    """A definition with a version per trigger."""
    made = await definitions.create(workspace, f"definition {next(_numbers)}", "", [], "user:ann", None)
    for trigger in triggers:
        drawn = replace(version([step("a")]), definition_id=made.value.id, trigger=trigger)
        await definitions.publish(drawn, None, "user:ann", None)
    return made.value.id


def on_event(pattern: str) -> Trigger:
    return Trigger(TriggerType.EVENT, event_type=pattern)


def on_tap(provider: str = "", entity_type: str = "", action: str = "") -> Trigger:
    return Trigger(TriggerType.WEBHOOK, tap_provider=provider, tap_entity_type=entity_type, tap_action=action)


async def routed_to(inbox: Inbox, triggers: Triggers, *events: BusEvent) -> list[tuple[str, str]]:
    """Definitions and the events that were routed to them, in the order of definitions."""
    await inbox.route(await inbox.keep(events), LEASE)
    claimed = await triggers.claim_starts(100, LEASE)
    return sorted((each.definition_id, each.event_id) for each in claimed)


# --- routing ---------------------------------------------------------------------------------------------------------


async def test_an_event_finds_every_definition_that_it_may_start(
    definitions: Definitions, inbox: Inbox, triggers: Triggers
) -> None:
    wanted = [on_event(TYPE), on_event("siphon.*.hubspot.>"), on_event(""), on_tap(), on_tap("hubspot", "", "created")]
    found = [await published(definitions, trigger) for trigger in wanted]
    for other in (on_event("siphon.tap.gmail.>"), on_tap("gmail"), Trigger(TriggerType.MANUAL), None):
        await published(definitions, other)
    await published(definitions, on_event(TYPE), workspace="ws_2")
    assert await routed_to(inbox, triggers, event()) == sorted((each, "e1") for each in found)


async def test_only_the_latest_versions_trigger_counts(
    definitions: Definitions, inbox: Inbox, triggers: Triggers
) -> None:
    await published(definitions, on_event(TYPE), on_event("gmail.>"))
    await published(definitions, on_tap(), None)
    moved = await published(definitions, None, on_tap("gmail"), on_tap("hubspot"))
    assert await routed_to(inbox, triggers, event()) == [(moved, "e1")]


async def test_what_is_disabled_is_not_found_until_it_is_enabled(
    definitions: Definitions, inbox: Inbox, triggers: Triggers
) -> None:
    found = await published(definitions, on_event(TYPE))
    assert (await definitions.enable(found, False, None, None)).value is False
    drawn = replace(version([step("a")]), definition_id=found, trigger=on_tap())
    await definitions.publish(drawn, None, "user:ann", None)
    assert await routed_to(inbox, triggers, event()) == []
    await definitions.enable(found, True, None, None)
    assert await routed_to(inbox, triggers, event("e2")) == [(found, "e2")]
    with pytest.raises(Refusal, match="was not found"):
        await definitions.enable(found, True, "ws_2", None)


async def test_enabling_is_answered_again_under_a_key(definitions: Definitions) -> None:
    found, idem = await published(definitions), Idem("user:ann", "k", b"1")
    assert (await definitions.enable(found, False, None, idem)).replay is False
    assert (await definitions.enable(found, False, None, idem)).replay is True
    again = await definitions.get(found, None)
    assert again is not None
    assert again.enabled is False


async def test_an_event_is_kept_for_what_it_may_start(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    await published(definitions, on_tap())
    told = event(chain=("wf_9",), handed_in=HandedIn(TriggerType.WEBHOOK, "sdr", "ann", "ent_1", "ENTITY_TYPE_CONTACT"))
    [(_, event_id)] = await routed_to(inbox, triggers, told, event("e2", tap=None, tenant="ws_2"))
    stored = await inbox.event("ws_1", Deliver(told.source, event_id))
    assert stored is not None
    assert stored.event == told
    cursor = await owner.execute("select event_id, body is not null, kept from bus_events order by 1")
    assert await cursor.fetchall() == [("e1", True, False), ("e2", False, False)]


async def test_an_event_is_routed_to_a_definition_once(
    definitions: Definitions, inbox: Inbox, triggers: Triggers
) -> None:
    await published(definitions, on_tap())
    assert len(await routed_to(inbox, triggers, event(), event())) == 1
    kept = await inbox.keep([event()])
    await asyncio.gather(*(inbox.route(kept, LEASE) for _ in range(4)))
    assert len(await triggers.starts_of(event())) == 1


async def test_what_says_of_no_type_is_for_triggers_alone(
    definitions: Definitions, inbox: Inbox, triggers: Triggers
) -> None:
    await published(definitions, on_event(">"))
    found = await published(definitions, on_tap())
    assert await routed_to(inbox, triggers, replace(event(), type="")) == [(found, "e1")]


# --- claiming and settling -------------------------------------------------------------------------------------------


async def one_delivery(definitions: Definitions, inbox: Inbox, event_id: str = "e1") -> TriggerDelivery:
    found = await published(definitions, on_tap())
    await inbox.route(await inbox.keep([event(event_id)]), LEASE)
    return TriggerDelivery("ws_1", "tap/hubspot", event_id, found)


async def test_a_claim_holds_longer_each_time(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    delivery = await one_delivery(definitions, inbox)
    held = []
    for _ in range(9):
        assert await triggers.claim_starts(10, LEASE) == [delivery]
        assert await triggers.claim_starts(10, LEASE) == []
        cursor = await owner.execute(
            "select round(extract(epoch from due_at - now()) / 30)::int from trigger_deliveries"
        )
        held += [row[0] for row in await cursor.fetchall()]
        await owner.execute("update trigger_deliveries set due_at = now()")
    assert held == [1, 2, 4, 8, 16, 32, 64, 64, 64]


async def test_claimers_at_once_share(definitions: Definitions, inbox: Inbox, triggers: Triggers) -> None:
    await published(definitions, on_tap())
    await inbox.route(await inbox.keep([event(str(number)) for number in range(40)]), LEASE)
    claims = await asyncio.gather(*(triggers.claim_starts(20, LEASE) for _ in range(4)))
    claimed = [each.event_id for claim in claims for each in claim]
    assert len(claimed) == len(set(claimed)) == 40


async def test_the_first_outcome_stays(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    delivery = await one_delivery(definitions, inbox)
    started = replace(delivery, outcome="started", run_id="wfr_1", sequence=2)
    await triggers.end_start(started)
    await triggers.end_start(replace(delivery, outcome="cycle"))
    await triggers.drop_start(delivery)
    assert await triggers.starts_of(event()) == [started]
    await owner.execute("update trigger_deliveries set due_at = '-infinity'")
    assert await triggers.claim_starts(10, LEASE) == []


async def test_what_is_dropped_is_gone(definitions: Definitions, inbox: Inbox, triggers: Triggers) -> None:
    await triggers.drop_start(await one_delivery(definitions, inbox))
    assert await triggers.starts_of(event()) == []


async def test_deliveries_are_forgotten_with_their_event(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    await published(definitions, on_tap())
    await inbox.route(await inbox.keep([event(), event("e2")]), LEASE)
    await owner.execute("update bus_events set received_at = now() - interval '8 days' where event_id = 'e1'")
    await inbox.expire(24 * 3600, 168 * 3600, 100)
    assert await triggers.starts_of(event()) == []
    assert len(await triggers.starts_of(event("e2"))) == 1


async def test_what_is_still_to_start_something_keeps_its_body(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    delivery = await one_delivery(definitions, inbox)
    await owner.execute("update bus_events set received_at = now() - interval '2 days'")
    wanted = Deliver(delivery.source, delivery.event_id)
    assert await inbox.expire(24 * 3600, 168 * 3600, 100) == 0
    assert await inbox.event("ws_1", wanted) is not None
    await triggers.end_start(replace(delivery, outcome="cycle"))
    assert await inbox.expire(24 * 3600, 168 * 3600, 100) == 1
    assert await inbox.event("ws_1", wanted) is None


async def test_what_cannot_be_started_now_is_given_back_for_longer_and_longer(
    definitions: Definitions, inbox: Inbox, triggers: Triggers, owner: Owner
) -> None:
    delivery = await one_delivery(definitions, inbox)
    delays = []
    for _ in range(9):
        await owner.execute("update trigger_deliveries set due_at = '-infinity'")
        assert await triggers.claim_starts(10, LEASE) == [delivery]
        await triggers.postpone_start(delivery)
        assert await triggers.claim_starts(10, LEASE) == []
        cursor = await owner.execute("select ceil(extract(epoch from due_at - now()))::int from trigger_deliveries")
        delays += [delay for (delay,) in await cursor.fetchall()]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


# --- what callers ask ------------------------------------------------------------------------------------------------


async def test_schedules_are_found_by_expression_or_all(definitions: Definitions, triggers: Triggers) -> None:
    daily, hourly, off = [
        await published(definitions, Trigger(TriggerType.SCHEDULE, cron_expr=cron))
        for cron in ("0 9 * * *", "0 * * * *", "0 9 * * *")
    ]
    await published(definitions, on_event("cron"))
    await published(definitions, Trigger(TriggerType.SCHEDULE, cron_expr="0 9 * * *"), workspace="ws_2")
    await definitions.enable(off, False, None, None)
    assert await triggers.scheduled("ws_1", "cron:0 9 * * *") == [daily]
    assert sorted(await triggers.scheduled("ws_1", "cron:")) == sorted([daily, hourly])


async def test_the_runs_that_took_an_event_that_was_handed_in_are_known(runs: Runs, triggers: Triggers) -> None:
    for source in ("rpc", "tap/hubspot"):
        begun = await store(runs)
        await runs.apply(untold(begun, guards=(Guard(f"event:{source}/e1", b""),)), {}, LEASE)
        if source == "rpc":
            moved = begun
    assert await triggers.moved_by(replace(event(), source="rpc")) == [(moved.id, 1)]
    assert await triggers.moved_by(replace(event(), source="rpc", tenant="ws_2")) == []


async def test_a_call_is_answered_again_under_its_key(triggers: Triggers) -> None:
    idem = Idem("user:ann", "k", b"1")
    assert await triggers.answered("ws_1", idem) is None
    assert await triggers.answered("ws_1", idem) is None
    await triggers.answer("ws_1", idem, {"started": [("wfr_1", 2)], "updated": []})
    again: Any = await triggers.answered("ws_1", idem)
    assert again == {"started": [["wfr_1", 2]], "updated": []}
    assert await triggers.answered("ws_1", replace(idem, scope="user:bob")) is None
    with pytest.raises(Refusal, match="another request"):
        await triggers.answered("ws_1", replace(idem, digest=b"2"))
