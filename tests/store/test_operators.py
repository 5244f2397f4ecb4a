"""What operators see of the bus and ask of it, as rows, and what a workspace sees of that."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service.domain.dead_letters import LetterFilter, ReplayOutcome
from service.domain.paging import Page
from service.domain.received_events import EventFilter, EventKey, EventState, HeardEvent
from service.domain.republishing import Republishing
from service.domain.state import Run
from service.store.decision import SHARDS
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.operators import OperatorReads, Operators
from service.store.outbox import ChangeOutbox
from service.store.pool import Pool
from service.store.runs import Runs
from tests.store.decisions import LEASE, moved, run, store
from tests.store.test_inbox import about, arrive, event, waiting

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
ALL = list(range(SHARDS))
EVERYTHING = LetterFilter(None)
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def operators(engine_pool: Pool) -> Operators:
    return Operators(engine_pool)


@pytest.fixture
def shown(reader_pool: Pool) -> OperatorReads:
    return OperatorReads(reader_pool)


async def bury(
    inbox: Inbox, reason: str = "bad_json", raw: bytes = b"\0{", headers: Mapping[str, str] | None = None
) -> None:
    await inbox.bury("orders.made", raw, headers or {}, reason)


# --- dead letters ----------------------------------------------------------------------------------------------------


async def test_letters_are_listed_newest_first(inbox: Inbox, shown: OperatorReads, owner: Owner) -> None:
    for reason in ("bad_json", "too_deep", "bad_json"):
        await bury(inbox, reason)
    await owner.execute("update dead_letters set received_at = '2026-01-01' where id = 1")
    page = await shown.letters(EVERYTHING, 2, 0)
    assert ([letter.id for letter in page.rows], page.total) == ([3, 2], 3)
    assert [letter.id for letter in (await shown.letters(EVERYTHING, 2, 2)).rows] == [1]
    assert await shown.letters(EVERYTHING, 2, 9) == Page([], 3)
    one = await shown.letters(LetterFilter(None, "bad_json", BEFORE + timedelta(days=1)), 9, 0)
    assert ([letter.id for letter in one.rows], one.total) == ([3], 1)
    assert (one.rows[0].bus_subject, one.rows[0].size, one.rows[0].replayed) == ("orders.made", 2, None)


async def test_a_letter_is_opened_as_it_came(inbox: Inbox, shown: OperatorReads) -> None:
    await bury(inbox, raw=b"\0\xff", headers={"ce-id": "e1", "x": "é"})
    opened = await shown.letter(1, None)
    assert opened is not None
    assert (opened.body, opened.headers, opened.letter.reason) == (b"\0\xff", {"ce-id": "e1", "x": "é"}, "bad_json")
    assert await shown.letter(2, None) is None


async def test_a_workspace_sees_the_letters_whose_headers_name_it(
    inbox: Inbox, shown: OperatorReads, operators: Operators
) -> None:
    await bury(inbox, headers={"ce-tenantid": "ws_1"})
    await bury(inbox)
    assert [letter.id for letter in (await shown.letters(LetterFilter("ws_1"), 9, 0)).rows] == [1]
    assert await shown.letter(1, "ws_2") is None
    assert await shown.letter(2, "ws_1") is None
    assert not await operators.discard(1, "ws_2")
    assert await operators.discard(1, "ws_1")


async def test_a_letter_keeps_what_became_of_it(inbox: Inbox, shown: OperatorReads, operators: Operators) -> None:
    await bury(inbox)
    for outcome, reason in ((ReplayOutcome.STILL_POISON, "too_deep"), (ReplayOutcome.ROUTED, "")):
        told = await operators.replayed(1, outcome, reason)
        [kept] = (await shown.letters(EVERYTHING, 9, 0)).rows
        assert told == kept
        assert kept.replayed is not None
        assert (kept.replayed.outcome, kept.replayed.reason, kept.reason) == (outcome, reason, "bad_json")
    assert await operators.replayed(2, ReplayOutcome.KNOWN, "") is None


async def test_a_discarded_letter_is_gone(inbox: Inbox, shown: OperatorReads, operators: Operators) -> None:
    await bury(inbox)
    assert await operators.discard(1, None)
    assert not await operators.discard(1, None)
    assert await shown.letters(EVERYTHING, 9, 0) == Page([], 0)


async def test_letters_expire_a_batch_at_a_time(inbox: Inbox, shown: OperatorReads, owner: Owner) -> None:
    for _ in range(4):
        await bury(inbox)
    await owner.execute("update dead_letters set received_at = now() - interval '2 hours' where id < 4")
    assert [await inbox.expire_letters(3600.0, 2) for _ in range(3)] == [2, 1, 0]
    assert [letter.id for letter in (await shown.letters(EVERYTHING, 9, 0)).rows] == [4]


# --- events ----------------------------------------------------------------------------------------------------------


def ids(page: Page[HeardEvent]) -> list[str]:
    return [found.key.id for found in page.rows]


async def states(shown: OperatorReads, **filters: Any) -> dict[str, EventState]:
    page = await shown.events(EventFilter("ws_1", **filters), 50, 0)
    return {found.key.id: found.state for found in page.rows}


async def test_events_tell_what_there_still_is_of_them(inbox: Inbox, runs: Runs, shown: OperatorReads) -> None:
    await waiting(runs, "event:order.paid")
    await arrive(inbox, event("handed", "order.paid"), event("unwanted", "order.seen"))
    await inbox.keep([event("fresh", "order.made")])
    expected = {"handed": EventState.ROUTED, "unwanted": EventState.FADED, "fresh": EventState.BUFFERED}
    assert await states(shown) == expected
    for event_id, state in expected.items():
        assert await states(shown, state=state) == {event_id: state}


async def test_an_event_that_somebody_may_wait_for_is_buffered(inbox: Inbox, shown: OperatorReads) -> None:
    await arrive(inbox, event("kept", about=about("obj_1")))
    opened = await shown.event(EventKey("ws_1", "tap/gmail", "kept"))
    assert opened is not None
    assert (opened.event.state, opened.payload) == (EventState.BUFFERED, {"from": "ann", "n": 1.5})
    assert opened.event.routed_at is not None
    await inbox.expire(0.0, 3600.0, 10)
    faded = await shown.event(EventKey("ws_1", "tap/gmail", "kept"))
    assert faded is not None
    assert (faded.event.state, faded.payload, faded.time) == (EventState.FADED, None, None)


async def test_an_event_is_opened_with_its_time(inbox: Inbox, shown: OperatorReads) -> None:
    await inbox.keep([event("timed", time=BEFORE), event("bare", payload=None)])
    timed, bare = [await shown.event(EventKey("ws_1", "tap/gmail", name)) for name in ("timed", "bare")]
    assert timed is not None
    assert bare is not None
    assert (timed.time, bare.time, bare.payload) == (BEFORE, None, None)
    assert await shown.event(EventKey("ws_2", "tap/gmail", "timed")) is None


async def test_events_are_filtered_and_paged(inbox: Inbox, shown: OperatorReads, owner: Owner) -> None:
    for number in range(5):
        await inbox.keep([event(f"e{number}", "order.paid" if number % 2 else "order_paid")])
    await inbox.keep([event("foreign", tenant="ws_2")])
    await owner.execute("update bus_events set received_at = '2026-01-01' where event_id = 'e0'")
    page = await shown.events(EventFilter("ws_1"), 2, 1)
    assert (ids(page), page.total) == (["e3", "e2"], 5)
    assert ids(await shown.events(EventFilter("ws_1", "order."), 9, 0)) == ["e3", "e1"]
    assert ids(await shown.events(EventFilter("ws_1", "order_"), 9, 0)) == ["e4", "e2", "e0"]
    assert ids(await shown.events(EventFilter("ws_1", since=BEFORE + timedelta(days=1)), 1, 3)) == ["e1"]
    assert await shown.events(EventFilter("ws_1", "none"), 9, 0) == Page([], 0)


async def test_whether_an_event_was_routed(inbox: Inbox, shown: OperatorReads) -> None:
    key = EventKey("ws_1", "tap/gmail", "e1")
    assert not await shown.routed(key)
    kept = await inbox.keep([event("e1")])
    assert not await shown.routed(key)
    await inbox.route(kept, LEASE)
    assert await shown.routed(key)


# --- publishing again ------------------------------------------------------------------------------------------------


@pytest.fixture
async def told(runs: Runs, outbox: ChangeOutbox, owner: Owner) -> tuple[Run, Run, Run]:
    """Three runs of two changes each: all published, the first changes long ago."""
    begun = [
        await store(runs, run()),
        await store(runs, run(definition_id="wf_2")),
        await store(runs, run(workspace_id="ws_2")),
    ]
    for one in begun:
        await runs.apply(moved(one), {}, LEASE)
    await outbox.mark_published([(one.id, number) for one in begun for number in (1, 2)])
    await owner.execute("update changes set published_at = '2026-01-01' where sequence = 1")
    return begun[0], begun[1], begun[2]


def choices(told: tuple[Run, Run, Run]) -> Iterator[tuple[Republishing, list[tuple[str, int]]]]:
    first, second, third = (one.id for one in told)
    recent = BEFORE + timedelta(days=1)
    yield Republishing(BEFORE), [(one.id, number) for one in told for number in (1, 2)]
    yield Republishing(recent), [(one.id, 2) for one in told]
    yield Republishing(recent, workspace_id="ws_1"), [(first, 2), (second, 2)]
    yield Republishing(BEFORE, definition_id="wf_2"), [(second, 1), (second, 2)]
    yield Republishing(BEFORE, run_id=third), [(third, 1), (third, 2)]
    yield Republishing(BEFORE, definition_id="wf_2", run_id=first), []


async def test_what_is_chosen_is_published_again(
    told: tuple[Run, Run, Run], outbox: ChangeOutbox, operators: Operators, shown: OperatorReads, owner: Owner
) -> None:
    for chosen, expected in choices(told):
        assert await shown.republishable(chosen) == len(expected)
        assert await outbox.unpublished(ALL, 100) == []
        assert await operators.republish(chosen) == len(expected)
        again = [(change.stream, change.sequence) for change in await outbox.unpublished(ALL, 100)]
        assert sorted(again) == sorted(expected)
        assert [number for stream, number in again if stream == told[0].id] in ([], [1, 2], [2])
        await outbox.mark_published(again)
        await owner.execute("update changes set published_at = '2026-01-01' where sequence = 1")


async def test_a_definition_has_changes_of_its_own(
    definitions: Definitions, outbox: ChangeOutbox, operators: Operators
) -> None:
    made = (await definitions.create("ws_1", "One", "", [], "user:ann", None)).value
    await outbox.mark_published([(made.id, 1)])
    assert await operators.republish(Republishing(BEFORE, definition_id=made.id)) == 1


async def test_what_is_still_to_be_published_is_not_counted(
    runs: Runs, operators: Operators, shown: OperatorReads
) -> None:
    await store(runs)
    assert await shown.republishable(Republishing(BEFORE)) == 0
    assert await operators.republish(Republishing(BEFORE)) == 0
