"""Bus events: kept once, handed to everybody who waits, found by those who come late."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.bus_event import ApprovalReport, BusEvent, GovernanceReport, ObjectiveReport, Tap
from service.domain.calls import Deliver
from service.domain.decision import Wait
from service.domain.definition import StepType
from service.domain.patterns import generalizations, matches
from service.domain.state import Run
from service.engine.ports.events import Receipt
from service.engine.ports.work import Work
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.runs import Runs
from tests.builders import step, version
from tests.store.decisions import LEASE, owed, run, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def event(event_id: str = "e1", kind: str = "gmail.message.received", **fields: Any) -> BusEvent:
    plain: dict[str, Any] = {"payload": {"from": "ann", "n": 1.5}, "bus_subject": kind}
    return BusEvent(event_id, "tap/gmail", kind, fields.pop("tenant", "ws_1"), **(plain | fields))


def about(objective_id: str) -> ObjectiveReport:
    return ObjectiveReport(objective_id, "COMPLETED", {"x": 1}, Decimal("0.034"), "done")


async def waiting(runs: Runs, *addresses: str, **fields: Any) -> Run:
    begun = run(started_at=fields.pop("started_at", LONG_AGO), **fields)
    return await store(runs, begun, opened=tuple(Wait("a", address) for address in addresses))


async def arrive(inbox: Inbox, *events: BusEvent) -> list[Work]:
    """Keeps and routes them, as the router does."""
    return await inbox.route(await inbox.keep(events), LEASE)


def targets(work: list[Work]) -> list[tuple[str, str]]:
    return sorted((item.run_id, orjson.loads(item.request)["event_id"]) for item in work)


async def column(owner: Owner, statement: str) -> list[Any]:
    return [row[0] for row in await (await owner.execute(statement.encode())).fetchall()]


# --- keeping -------------------------------------------------------------------------------------------------------


async def test_an_event_is_kept_once(inbox: Inbox) -> None:
    assert [kept.fate for kept in await inbox.keep([event(), event("e2")])] == [Receipt.FRESH, Receipt.FRESH]
    assert [kept.fate for kept in await inbox.keep([event()])] == [Receipt.UNROUTED]
    await arrive(inbox, event())
    assert [kept.fate for kept in await inbox.keep([event(), event("e2")])] == [Receipt.DONE, Receipt.UNROUTED]


async def test_one_id_with_two_bodies_is_poison(inbox: Inbox) -> None:
    await inbox.keep([event()])
    other = event(payload={"from": "bob"})
    assert [kept.fate for kept in await inbox.keep([other])] == [Receipt.CLASH]
    twice = [event("e2"), event("e2"), event("e2", payload={})]
    assert [kept.fate for kept in await inbox.keep(twice)] == [Receipt.FRESH, Receipt.FRESH, Receipt.CLASH]


async def test_the_order_of_keys_makes_no_other_body(inbox: Inbox) -> None:
    await inbox.keep([event(payload={"a": 1, "b": {"c": 2, "d": 3}})])
    again = event(payload={"b": {"d": 3, "c": 2}, "a": 1}, bus_subject="elsewhere")
    assert [kept.fate for kept in await inbox.keep([again])] == [Receipt.UNROUTED]


async def test_one_id_in_two_workspaces_is_two_events(inbox: Inbox) -> None:
    kept = await inbox.keep([event(), event(tenant="ws_2", payload={})])
    assert [item.fate for item in kept] == [Receipt.FRESH, Receipt.FRESH]


async def test_keepers_at_once_agree(inbox: Inbox) -> None:
    answers = await asyncio.gather(*(inbox.keep([event(str(n)) for n in range(20)]) for _ in range(4)))
    for fates in zip(*([kept.fate for kept in answer] for answer in answers), strict=True):
        assert fates.count(Receipt.FRESH) == 1
        assert set(fates) <= {Receipt.FRESH, Receipt.UNROUTED}


@pytest.mark.parametrize(
    "kept",
    [
        event(time=datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC), subject="contact/7"),
        event(about=about("o1")),
        event(about=replace(about("o1"), said={"kind": "choice", "text": "Which?", "choices": ["a", "b"]})),
        event(about=ApprovalReport("ap1", "APPROVED", "ann", "fine"), payload=None),
        event(about=GovernanceReport("wfr_1", "check", "DENY")),
        event(tap=Tap("gmail", "message", "m1", "received"), chain=("wf_1", "wf_2")),
    ],
)
async def test_an_event_is_read_as_it_was_kept(inbox: Inbox, kept: BusEvent) -> None:
    await inbox.keep([kept])
    found = await inbox.event("ws_1", Deliver(kept.source, kept.id))
    assert found is not None
    assert found.event == kept
    assert await inbox.event("ws_2", Deliver(kept.source, kept.id)) is None


# --- routing -------------------------------------------------------------------------------------------------------


async def test_everybody_who_waits_gets_a_delivery(runs: Runs, inbox: Inbox, owner: Owner) -> None:
    exact = await waiting(runs, "event:gmail.message.received", "event:gmail.*.received")
    general = await waiting(runs, "event:gmail.>")
    await waiting(runs, "event:slack.>")
    await waiting(runs, "event:gmail.>", workspace_id="ws_2")
    work = await arrive(inbox, event())
    assert targets(work) == [(exact.id, "e1"), (general.id, "e1")]
    assert {(item.effect.kind, item.effect.token, item.effect.step_id) for item in work} == {("Deliver", 1, "")}
    assert await column(owner, "select lease_until > now() from run_effects") == [True, True]


async def test_an_objective_is_found_by_its_id(runs: Runs, inbox: Inbox) -> None:
    found = await waiting(runs, "objective:o1")
    report = event(about=about("o1"), kind="objectives.changes.objective.update")
    assert targets(await arrive(inbox, report)) == [(found.id, "e1")]


async def test_a_delivery_is_owed_once_and_settled_like_any_effect(runs: Runs, inbox: Inbox) -> None:
    waiter = await waiting(runs, "event:>")
    [work] = await arrive(inbox, event())
    assert await arrive(inbox, event()) == []
    await runs.apply(untold(waiter, settled=(work.effect,)), {}, LEASE)
    assert (await runs.load(waiter.id, (), [owed(work.effect.id)])).held == frozenset()  # type: ignore[union-attr]


async def test_what_nobody_can_want_loses_its_body(definitions: Definitions, inbox: Inbox, owner: Owner) -> None:
    made = await definitions.create("ws_1", "One", "", [], "user:ann", None)
    wait = step("w", StepType.WAIT_FOR_EVENT, event_type_pattern="gmail.*.received")
    drawn = replace(version([wait]), definition_id=made.value.id)
    await definitions.publish(drawn, None, "user:ann", None)
    report = event("e2", "objectives.changes.update", about=about("o1"))
    events = [event(), report, event("e3", "slack.message"), event("e4", tenant="ws_2")]
    assert await arrive(inbox, *events) == []
    cursor = await owner.execute("select event_id, kept, body is not null from bus_events order by event_id")
    expected = [("e1", True, True), ("e2", True, True), ("e3", False, False), ("e4", False, False)]
    assert await cursor.fetchall() == expected


# --- looking back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["event:gmail.*.received", "event:gmail.message.received", "event:>", "objective:o1"]
)
async def test_a_late_wait_finds_what_came_before(runs: Runs, inbox: Inbox, address: str) -> None:
    waiter = await waiting(runs, address)
    await inbox.keep([event(about=about("o1")), event("e2", "slack.message", tenant="ws_2")])
    work = await inbox.look(waiter.id, "ws_1", [Wait("a", address)], LEASE)
    assert targets(work) == [(waiter.id, "e1")]
    assert await inbox.look(waiter.id, "ws_1", [Wait("a", address)], LEASE) == []


async def test_what_came_before_the_run_does_not_count(runs: Runs, inbox: Inbox) -> None:
    await inbox.keep([event()])
    waiter = await waiting(runs, "event:>", started_at=datetime.now(UTC) + timedelta(hours=1))
    assert await inbox.look(waiter.id, "ws_1", [Wait("a", "event:>")], LEASE) == []


async def test_a_wait_that_was_closed_finds_nothing(runs: Runs, inbox: Inbox) -> None:
    waiter = await waiting(runs)
    await inbox.keep([event()])
    assert await inbox.look(waiter.id, "ws_1", [Wait("a", "event:>")], LEASE) == []


async def test_the_sweep_makes_up_for_a_looker_that_died(runs: Runs, inbox: Inbox, owner: Owner) -> None:
    waiter = await waiting(runs, "event:gmail.>")
    await inbox.keep([event()])
    await owner.execute("update bus_events set routed_at = now(), kept = true")
    assert await inbox.sweep(10, LEASE) == []
    late = replace(inbox, grace_seconds=0.0)
    assert targets(await late.sweep(10, LEASE)) == [(waiter.id, "e1")]
    assert await late.sweep(10, LEASE) == []


async def test_the_sweep_makes_up_for_a_router_that_died(runs: Runs, inbox: Inbox) -> None:
    waiter = await waiting(runs, "objective:o1")
    await inbox.look(waiter.id, "ws_1", [Wait("a", "objective:o1")], LEASE)
    await inbox.keep([event(about=about("o1"))])
    late = replace(inbox, grace_seconds=0.0)
    assert targets(await late.sweep(10, LEASE)) == [(waiter.id, "e1")]
    assert [kept.fate for kept in await inbox.keep([event(about=about("o1"))])] == [Receipt.DONE]


async def test_a_wait_and_an_event_that_meet_find_each_other(runs: Runs, inbox: Inbox, owner: Owner) -> None:
    """Commit first, look second, on both sides: whichever order, at least one sees the other."""
    await owner.execute(
        "insert into workflow_definitions (id, workspace_id, name, description, tags)"
        " values ('wf_1', 'ws_1', 'n', '', '{}')"
    )
    await owner.execute("insert into awaited_types values ('ws_1', '>', 'wf_1', 1)")

    async def wait(wanted: Wait) -> list[Work]:
        waiter = await waiting(runs, wanted.address)
        return await inbox.look(waiter.id, "ws_1", [wanted], LEASE)

    for number in range(50):
        met = await asyncio.gather(
            arrive(inbox, event(str(number), f"k{number}.x")), wait(Wait("a", f"event:k{number}.*"))
        )
        assert len([item for found in met for item in found]) == 1


# --- forgetting ----------------------------------------------------------------------------------------------------


async def test_bodies_go_first_and_ids_later(inbox: Inbox, owner: Owner) -> None:
    kept = [event(f"e{hours}", about=about("o1")) for hours in (1, 30, 200)]
    await arrive(inbox, *kept)
    await inbox.keep([event("unrouted", about=about("o2"))])
    for hours in (1, 30, 200):
        await owner.execute(
            "update bus_events set received_at = now() - %s * interval '1 hour' where event_id = %s",
            (hours, f"e{hours}"),
        )
    assert await inbox.expire(24 * 3600, 168 * 3600, 100) == 3
    assert await column(owner, "select event_id from bus_events where body is not null order by 1") == [
        "e1",
        "unrouted",
    ]
    assert await column(owner, "select event_id from bus_events order by 1") == ["e1", "e30", "unrouted"]


async def test_poison_is_buried_as_it_came(inbox: Inbox, owner: Owner) -> None:
    await inbox.bury("gmail.x", b"\x00\xff", {"ce-id": "1"}, "undecodable")
    cursor = await owner.execute("select bus_subject, raw, headers, reason from dead_letters")
    assert await cursor.fetchall() == [("gmail.x", b"\x00\xff", {"ce-id": "1"}, "undecodable")]


# --- patterns in SQL -------------------------------------------------------------------------------------------------

TOKENS = st.sampled_from(["a", "b", "a.b", "*", ">", "é", "x+y", "(", "[", "\\", "^", "$", "a|b", "{2}", "-", "_", "?"])


async def test_patterns_mean_the_same_in_sql(owner: Owner) -> None:
    cases: list[tuple[str, str]] = []

    @given(st.lists(TOKENS, min_size=1, max_size=4), st.lists(TOKENS, min_size=1, max_size=4))
    def collect(pattern: list[str], subject: list[str]) -> None:
        name = ".".join(subject)
        cases.extend((known, name) for known in generalizations(name)[1:20])
        if ">" not in pattern[:-1]:
            cases.append((".".join(pattern), name))

    collect()
    cursor = await owner.execute(
        "select p, t, t ~ pattern_regex(p) and starts_with(t, pattern_prefix(p)) "
        "  from unnest(%s::text[], %s::text[]) c(p, t)",
        ([pattern for pattern, _ in cases], [subject for _, subject in cases]),
    )
    assert [(p, t) for p, t, found in await cursor.fetchall() if found != matches(p, t)] == []
