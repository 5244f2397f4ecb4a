"""Waits for events of one type that are told apart by a value in them: found by equality, before and after."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from service.domain.bus_event import BusEvent
from service.domain.decision import Wait
from service.domain.definition import Json, StepDefinition, StepType
from service.domain.patterns import generalizations
from service.domain.state import Run
from service.domain.waits import correlation
from service.engine.ports.work import Work
from service.store import queries
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.pool import ENGINE
from service.store.runs import Runs
from tests.builders import step, version
from tests.store.decisions import LEASE, run, store
from tests.store.test_inbox import arrive, targets
from tests.store.test_queries import LOOKS, ROUTE

Owner = psycopg.AsyncConnection[tuple[Any, ...]]

PAID = "shop.order.paid"
ORDER = "order.id"


def paid(event_id: str, order: Json, **fields: Any) -> BusEvent:
    return BusEvent(event_id, "shop", PAID, fields.pop("tenant", "ws_1"), payload={"order": {"id": order}}, **fields)


def address(value: Json, expression: str = ORDER, pattern: str = PAID) -> str:
    return f"event:{pattern}#{correlation(expression, value)}"


def correlated(name: str, expression: str = ORDER, pattern: str = PAID) -> StepDefinition:
    config = {"correlate": {"event": expression, "run": "input.order"}}
    return step(name, StepType.WAIT_FOR_EVENT, event_type_pattern=pattern, config=config)


async def published(definitions: Definitions, *steps: StepDefinition, workspace: str = "ws_1") -> str:
    made = (await definitions.create(workspace, "Orders", "", [], "user:ann", None)).value
    await definitions.publish(replace(version(steps), definition_id=made.id), None, "user:ann", None)
    return made.id


async def waiting(runs: Runs, *addresses: str, **fields: Any) -> Run:
    """A run that waits under the addresses; it began before every event, unless said otherwise."""
    begun = run(**{"started_at": datetime(2026, 1, 1, tzinfo=UTC), **fields})
    return await store(runs, begun, opened=tuple(Wait("a", found) for found in addresses))


async def look(inbox: Inbox, waiter: Run, *addresses: str) -> list[Work]:
    return await inbox.look(waiter.id, waiter.workspace_id, [Wait("a", found) for found in addresses], LEASE)


# --- publishing ----------------------------------------------------------------------------------------------------


async def test_publishing_says_what_tells_events_apart(definitions: Definitions, owner: Owner) -> None:
    plain = step("d", StepType.WAIT_FOR_EVENT, event_type_pattern="shop.>")
    drawn = (correlated("a"), correlated("b", "order.number"), correlated("c", ORDER), plain)
    definition_id = await published(definitions, *drawn)
    cursor = await owner.execute("select definition_id, version, pattern, correlates from awaited_types order by 3")
    expected = [("shop.>", []), (PAID, [ORDER, "order.number"])]
    assert await cursor.fetchall() == [(definition_id, 1, *row) for row in expected]


# --- the wait first ------------------------------------------------------------------------------------------------


@pytest.fixture
async def orders(definitions: Definitions) -> None:
    await published(definitions, correlated("a"))


@pytest.mark.usefixtures("orders")
async def test_an_event_reaches_only_the_wait_for_its_value(runs: Runs, inbox: Inbox) -> None:
    first, second = await waiting(runs, address("o-1")), await waiting(runs, address("o-2"))
    assert targets(await arrive(inbox, paid("e1", "o-1"))) == [(first.id, "e1")]
    assert targets(await arrive(inbox, paid("e2", "o-2"), paid("e3", "o-3"))) == [(second.id, "e2")]


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize("value", [5, 5.0, True, [1, 2.0], {"b": 1, "a": [None]}, "ü", ""])
async def test_values_are_compared_as_json(runs: Runs, inbox: Inbox, value: Json) -> None:
    as_doubles = json.loads(json.dumps(value), parse_int=float)
    waiter, other = await waiting(runs, address(value)), paid("other", [value])
    assert targets(await arrive(inbox, other, paid("e1", as_doubles))) == [(waiter.id, "e1")]


@pytest.mark.usefixtures("orders")
async def test_plain_waits_hear_it_all_the_same(runs: Runs, inbox: Inbox) -> None:
    plain, exact = await waiting(runs, "event:shop.>"), await waiting(runs, f"event:{PAID}")
    assert targets(await arrive(inbox, paid("e1", "o-1"))) == sorted([(plain.id, "e1"), (exact.id, "e1")])


async def test_the_pattern_is_part_of_the_address(definitions: Definitions, runs: Runs, inbox: Inbox) -> None:
    await published(definitions, correlated("a", pattern="shop.>"), correlated("b", pattern="shop.*.sent"))
    waiter = await waiting(runs, address(1, pattern="shop.>"))
    await waiting(runs, address(1, pattern="shop.*.sent"))
    assert targets(await arrive(inbox, paid("e1", 1))) == [(waiter.id, "e1")]


async def test_expressions_see_the_event_and_reserved_names_win(
    definitions: Definitions, runs: Runs, inbox: Inbox
) -> None:
    expression = "event.subject + '/' + event.id"
    await published(definitions, correlated("a", expression))
    waiter = await waiting(runs, address("order/7/e1", expression))
    event = BusEvent("e1", "shop", PAID, "ws_1", subject="order/7", payload={"event": {"id": "x", "subject": "y"}})
    assert targets(await arrive(inbox, event)) == [(waiter.id, "e1")]


@pytest.mark.parametrize("bad", ["missing.field", "order.id / 0.0 == order.id % 0", "1 +", "null", "order"])
async def test_an_expression_that_fails_hides_the_event_from_no_other(
    definitions: Definitions, runs: Runs, inbox: Inbox, bad: str
) -> None:
    await published(definitions, correlated("a", bad), correlated("b"))
    waiter = await waiting(runs, address("o-1"))
    await waiting(runs, address(None, bad), address("", bad))
    assert targets(await arrive(inbox, paid("e1", "o-1"))) == [(waiter.id, "e1")]


@pytest.mark.usefixtures("orders")
@pytest.mark.parametrize("value", [1e30, -1e300, 2**63, {"deep": [[[1e19]]]}, None])
async def test_no_value_keeps_an_event_from_being_routed(runs: Runs, inbox: Inbox, value: Json) -> None:
    plain = await waiting(runs, "event:>")
    assert targets(await arrive(inbox, paid("e1", value), BusEvent("e2", "shop", PAID, "ws_1"))) == [
        (plain.id, "e1"),
        (plain.id, "e2"),
    ]


async def test_workspaces_do_not_hear_each_other(definitions: Definitions, runs: Runs, inbox: Inbox) -> None:
    for workspace in ("ws_1", "ws_2"):
        await published(definitions, correlated("a"), workspace=workspace)
    ours, theirs = await waiting(runs, address(1)), await waiting(runs, address(1), workspace_id="ws_2")
    assert targets(await arrive(inbox, paid("e1", 1))) == [(ours.id, "e1")]
    assert targets(await arrive(inbox, paid("e2", 1, tenant="ws_2"))) == [(theirs.id, "e2")]
    late = await waiting(runs, address(1))
    assert targets(await look(inbox, late, address(1))) == [(late.id, "e1")]


# --- the event first -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("orders")
async def test_a_late_wait_finds_the_event_with_its_value(runs: Runs, inbox: Inbox) -> None:
    assert await arrive(inbox, paid("e1", 5.0), paid("e2", 6)) == []
    waiter = await waiting(runs, address(5))
    assert targets(await look(inbox, waiter, address(5))) == [(waiter.id, "e1")]
    assert await look(inbox, waiter, address(5)) == []


@pytest.mark.usefixtures("orders")
async def test_a_look_finds_what_is_not_routed_yet(runs: Runs, inbox: Inbox) -> None:
    """Its value is not known so far, so the run is asked; what is of another type or workspace is not for it."""
    elsewhere = paid("e3", "o-1", tenant="ws_2")
    await inbox.keep([paid("e1", "o-1"), replace(paid("e2", "o-1"), type="shop.order.sent"), elsewhere])
    waiter = await waiting(runs, address("o-1"))
    assert targets(await look(inbox, waiter, address("o-1"))) == [(waiter.id, "e1")]


@pytest.mark.usefixtures("orders")
async def test_what_came_before_the_run_does_not_count(runs: Runs, inbox: Inbox) -> None:
    await arrive(inbox, paid("e1", 5))
    waiter = await waiting(runs, address(5), started_at=datetime(2999, 1, 1, tzinfo=UTC))
    assert await look(inbox, waiter, address(5)) == []


@pytest.mark.usefixtures("orders")
async def test_the_sweep_routes_by_value_what_a_dead_router_left(runs: Runs, inbox: Inbox) -> None:
    waiter, other = await waiting(runs, address(5)), await waiting(runs, address(6))
    assert await look(inbox, waiter, address(5)) + await look(inbox, other, address(6)) == []
    await inbox.keep([paid("e1", 5.0), paid("e2", 7.0)])
    swept = await replace(inbox, grace_seconds=0.0).sweep(10, LEASE)
    assert targets(swept) == [(waiter.id, "e1")]
    late = await waiting(runs, address(7))
    assert targets(await look(inbox, late, address(7))) == [(late.id, "e2")]


async def test_a_wait_whose_pattern_has_the_separator_is_found(
    definitions: Definitions, runs: Runs, inbox: Inbox
) -> None:
    odd = "shop.order#paid"
    await published(definitions, correlated("a", pattern=odd))
    event = replace(paid("e1", 5), type=odd)
    waits = (f"event:{odd}", address(5, pattern=odd))
    before = [await waiting(runs, wait) for wait in waits]
    assert targets(await arrive(inbox, event)) == sorted((waiter.id, "e1") for waiter in before)
    for wait in waits:
        late = await waiting(runs, wait)
        assert targets(await look(inbox, late, wait)) == [(late.id, "e1")]


@pytest.mark.usefixtures("orders")
async def test_a_wait_and_an_event_that_meet_find_each_other(runs: Runs, inbox: Inbox) -> None:
    async def wait(order: int) -> list[Work]:
        waiter = await waiting(runs, address(order))
        return await look(inbox, waiter, address(order))

    for order in range(50):
        met = await asyncio.gather(arrive(inbox, paid(f"e{order}", order)), wait(order))
        assert len([item for found in met for item in found]) == 1


# --- many ----------------------------------------------------------------------------------------------------------

MANY = 100_000


@pytest.mark.usefixtures("orders")
async def test_one_event_among_many_waits_goes_by_index(runs: Runs, inbox: Inbox, owner: Owner) -> None:
    """The planner's own choice, on statistics of the real thing; `pytest -rP` shows how long it took."""
    await owner.execute(
        "insert into run_waits (run_id, step_id, address, workspace_id, looked)"
        f" select 'wfr_' || n, 'a', 'event:{PAID}#' || md5(n::text), 'ws_1', true from generate_series(1, {MANY}) n"
    )
    await owner.execute("analyze run_waits")
    await waiting(runs, address(5))
    await inbox.keep([paid("e1", 5)])
    plan = await explained(owner, queries.joined(ROUTE, "events_done"), json.dumps([given("e1", address(5))]))
    assert "run_waits_address" in plan
    assert "Seq Scan on run_waits" not in plan
    assert "Tuples Inserted: 1\n" in plan
    print(f"one event among {MANY:,} waits: {plan.splitlines()[-1]}")


async def test_a_look_among_many_events_goes_by_index(runs: Runs, owner: Owner) -> None:
    await owner.execute(
        "insert into bus_events (workspace_id, source, event_id, digest, type, subject, bus_subject, about, body,"
        "                        routed_at, correlations)"
        f" select 'ws_1', 'shop', 'e' || n, '', '{PAID}', '', '', '', '{{}}', now(), array[md5(n::text)]"
        "   from generate_series(1, 20000) n"
    )
    await owner.execute(f"update bus_events set correlations = '{{{key(address(5))}}}' where event_id = 'e7'".encode())
    await owner.execute("analyze bus_events")
    waiter = await waiting(runs, address(5))
    statement = queries.joined(LOOKS[0], "events_done")
    plan = await explained(owner, statement, waiter.id, "{a}", f"{{{address(5)}}}")
    assert "bus_events_correlations" in plan
    assert "bus_events_unrouted" in plan
    assert "Seq Scan on bus_events" not in plan
    assert "Tuples Inserted: 1\n" in plan


def key(wait: str) -> str:
    return wait.rpartition("#")[2]


def given(event_id: str, wait: str) -> dict[str, Any]:
    """The event as routing is told of it, with what it has in common with the wait."""
    return {
        "workspace_id": "ws_1",
        "source": "shop",
        "event_id": event_id,
        "about": "",
        "patterns": generalizations(PAID),
        "correlated": [wait.removeprefix("event:")],
        "correlations": [key(wait)],
    }


async def explained(owner: Owner, statement: bytes, *params: str) -> str:
    """The plan as the engine's pool has it made, executed once."""
    for setting in (f"set role {ENGINE}", "set plan_cache_mode = force_generic_plan", "set jit = off"):
        await owner.execute(setting.encode())
    await owner.execute(b"prepare statement as " + statement)
    literals = ", ".join(psycopg.sql.Literal(value).as_string(owner) for value in params)
    cursor = await owner.execute(f"explain (analyze) execute statement(30, {literals})".encode())
    return "\n".join(str(line) for (line,) in await cursor.fetchall())
