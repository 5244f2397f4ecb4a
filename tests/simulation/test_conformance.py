"""What the engine relies on, asked of both stores: so the simulated one cannot be kinder than PostgreSQL, or stricter.

Leases of no length are over at once, and those of an hour never, so nothing here waits for time.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from service.domain.bus_event import BusEvent, ObjectiveReport
from service.domain.calls import Deliver
from service.domain.correlations import Correlate, correlations
from service.domain.decision import Decision, Guard, Postponed, Seen, Wait
from service.domain.definition import Schemas, StepType
from service.domain.state import Run, StepRun, Task, TaskStatus, item_key
from service.engine.ports.events import Receipt
from service.engine.ports.failures import StaleRun
from service.engine.ports.outbox import Unpublished
from service.engine.ports.work import DueRun, Work
from tests.builders import step, version
from tests.simulation.conftest import Stores
from tests.store.decisions import NOW, START_TRACE, STEP_TRACE, effect, key_of, moved, owed, run, started, untold

HOUR, OVER = 3600.0, 0.0


async def begin(stores: Stores, begun: Run | None = None, lease: float = HOUR, **parts: Any) -> Run:
    begun = begun or run()
    requests = {each.id: b"bytes" for each in parts.get("owed", ())}
    await stores.runs.start(key_of(begun), started(begun, **parts), requests, lease)
    return replace(begun, version=1)


async def apply(stores: Stores, decision: Decision, lease: float = HOUR) -> Run:
    applied = await stores.runs.apply(decision, {each.id: b"bytes" for each in decision.owed}, lease)
    return replace(decision.run, version=applied.version)


async def load(stores: Stores, run_id: str) -> Run:
    snapshot = await stores.runs.load(run_id)
    assert snapshot is not None
    return snapshot.run


def targets(work: list[Work]) -> list[tuple[str, str]]:
    return sorted((item.run_id, orjson.loads(item.request)["event_id"]) for item in work)


# --- runs ------------------------------------------------------------------------------------------------------------


async def test_what_is_written_is_read(stores: Stores) -> None:
    begun = await begin(stores)
    assert await load(stores, begun.id) == begun
    after = await apply(stores, moved(begun))
    assert after.version == 2
    assert await load(stores, begun.id) == after
    assert await stores.runs.load("wfr_none") is None


async def test_items_and_tasks_are_read_with_the_run(stores: Stores) -> None:
    begun = await begin(stores)
    item = StepRun(item_key("a", 0), "A", StepType.AGENT_ACTION)
    task = Task("b", 1, TaskStatus.OPEN, "Look", due_at=NOW, opened_at=NOW)
    changed = replace(begun, items={item.step_id: item}, tasks={"b": task})
    after = await apply(stores, replace(untold(begun), run=changed))
    assert await load(stores, begun.id) == after


async def test_a_stale_decision_writes_nothing(stores: Stores) -> None:
    begun = await begin(stores)
    after = await apply(stores, moved(begun))
    late = moved(begun, "b", owed=(effect("b/1/x"),), guards=(Guard("rpc:late", b"1"),))
    with pytest.raises(StaleRun):
        await apply(stores, late, OVER)
    snapshot = await stores.runs.load(begun.id, ["rpc:late"])
    assert snapshot is not None
    assert (snapshot.run, snapshot.seen) == (after, {})
    assert await stores.work.claim_effects(10, HOUR) == []


async def test_of_appliers_at_once_one_wins(stores: Stores) -> None:
    begun = await begin(stores)
    tries = [apply(stores, moved(begun, step_id)) for step_id in ("a", "b", "c")]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Run", "StaleRun", "StaleRun"]


async def test_one_key_starts_one_run(stores: Stores) -> None:
    first, second = run(), run()
    assert (await stores.runs.start(key_of(first, "k"), started(first), {}, HOUR)).fresh
    again = await stores.runs.start(key_of(second, "k", b"other"), started(second), {}, HOUR)
    assert (again.run_id, again.digest, again.fresh, again.sequence) == (first.id, b"body", False, 1)
    assert await stores.runs.load(second.id) is None


async def test_a_cause_counts_once(stores: Stores) -> None:
    begun = await begin(stores)
    after = await apply(stores, moved(begun, guards=(Guard("rpc:k", b"digest"),)))
    snapshot = await stores.runs.load(begun.id, ["rpc:k", "rpc:other"])
    assert snapshot is not None
    assert snapshot.seen == {"rpc:k": Seen(b"digest", 2)}
    with pytest.raises(StaleRun):
        await apply(stores, moved(after, "b", guards=(Guard("rpc:k", b"digest"),)))


async def test_the_history_tells_the_run(stores: Stores) -> None:
    states = [await begin(stores)]
    for step_id in ("a", "b", "c"):
        states.append(await apply(stores, moved(states[-1], step_id)))
    for sequence, state in enumerate(states, start=1):
        assert await stores.runs.run_at(state.id, sequence) == replace(state, version=0)
    assert await stores.runs.run_at("wfr_none", 1) is None


async def test_old_keys_are_forgotten(stores: Stores) -> None:
    begun = await begin(stores)
    guards = (Guard("rpc:k", b""), Guard("event:e", b""))
    await apply(stores, moved(begun, guards=guards))
    assert await stores.work.expire_keys(HOUR, 10) == 0
    assert await stores.work.expire_keys(OVER, 10) == 2  # the start's and the caller's, never the event's
    snapshot = await stores.runs.load(begun.id, ["rpc:k", "event:e"])
    assert snapshot is not None
    assert set(snapshot.seen) == {"event:e"}


# --- owed and due ----------------------------------------------------------------------------------------------------


async def test_an_effect_belongs_to_whoever_stored_it_until_its_lease_is_over(stores: Stores) -> None:
    await begin(stores, owed=(effect("a/1/held"),))
    begun = await begin(stores, lease=OVER, owed=(effect("a/1/lost"),))
    [work] = await stores.work.claim_effects(10, HOUR)
    assert work == Work(begun.id, "ws_1", owed("a/1/lost", 2), b"bytes", STEP_TRACE, taken_over=True)
    assert await stores.work.claim_effects(10, HOUR) == []


async def test_only_the_holder_of_the_token_answers(stores: Stores) -> None:
    begun = await begin(stores, lease=OVER, owed=(effect(),))
    await stores.work.claim_effects(10, HOUR)
    asked = [owed(token=1), owed(token=2)]
    snapshot = await stores.runs.load(begun.id, (), asked[:1])
    assert snapshot is not None
    assert snapshot.held == frozenset()
    with pytest.raises(StaleRun):
        await apply(stores, untold(begun, settled=(asked[0],)))
    after = await apply(stores, untold(begun, settled=(asked[1],)))
    with pytest.raises(StaleRun):
        await apply(stores, untold(after, settled=(asked[1],)))


async def test_a_postponed_effect_comes_back_when_it_is_due(stores: Stores) -> None:
    begun = await begin(stores, owed=(effect("a/1/soon"), effect("a/1/late")))
    soon, late = (Postponed(owed(f"a/1/{when}"), delay, "no") for when, delay in (("soon", 1e-6), ("late", HOUR)))
    await apply(stores, untold(begun, postponed=(soon, late)))
    await asyncio.sleep(0)
    [work] = await stores.work.claim_effects(10, HOUR)
    assert work.effect == replace(owed("a/1/soon", 2), tries=1)


async def test_a_delayed_effect_belongs_to_nobody(stores: Stores) -> None:
    later = [replace(effect(f"a/1/{when}"), delay_seconds=delay) for when, delay in (("soon", 1e-6), ("late", HOUR))]
    await begin(stores, owed=tuple(later))
    [work] = await stores.work.claim_effects(10, HOUR)
    assert work.effect == owed("a/1/soon", 1)


async def test_claimers_at_once_share(stores: Stores) -> None:
    names = {f"a/{number}/x" for number in range(20)}
    await begin(stores, lease=OVER, owed=tuple(effect(name) for name in names))
    claims = await asyncio.gather(*(stores.work.claim_effects(8, HOUR) for _ in range(4)))
    found = [work.effect.id for claim in claims for work in claim]
    assert len(found) == len(set(found))
    assert max(map(len, claims)) <= 8
    found += [work.effect.id for work in await stores.work.claim_effects(20, HOUR)]
    assert set(found) == names


async def test_a_due_run_is_woken_once_per_lease(stores: Stores) -> None:
    begun = await begin(stores, run(deadline_at=NOW - timedelta(days=1)))
    await begin(stores, run(deadline_at=None))
    assert await stores.work.claim_due_runs(10, HOUR) == [DueRun(begun.id, START_TRACE)]
    assert await stores.work.claim_due_runs(10, HOUR) == []
    await apply(stores, untold(begun))
    assert await stores.work.claim_due_runs(10, HOUR) == [DueRun(begun.id, START_TRACE)]


# --- events ----------------------------------------------------------------------------------------------------------


def event(event_id: str = "e1", kind: str = "gmail.message.received", **fields: Any) -> BusEvent:
    return BusEvent(event_id, "tap", kind, "ws_1", payload=fields.pop("payload", {"n": 1.5}), **fields)


async def awaited(stores: Stores, *waits: Wait) -> Run:
    return await begin(stores, opened=waits)


async def arrive(stores: Stores, *events: BusEvent) -> list[Work]:
    return await stores.events.route(await stores.events.keep(events), HOUR)


async def test_an_event_is_kept_once(stores: Stores) -> None:
    assert await fates(stores, event(), event("e2")) == [Receipt.FRESH, Receipt.FRESH]
    assert await fates(stores, event(), event(payload={})) == [Receipt.UNROUTED, Receipt.CLASH]
    await arrive(stores, event())
    assert await fates(stores, event(bus_subject="elsewhere"), event("e2")) == [Receipt.DONE, Receipt.UNROUTED]
    assert await fates(stores, event("e3"), event("e3"), event("e3", payload={})) == [
        *[Receipt.FRESH] * 2,
        Receipt.CLASH,
    ]


async def fates(stores: Stores, *events: BusEvent) -> list[Receipt]:
    return [kept.fate for kept in await stores.events.keep(events)]


@pytest.mark.parametrize("address", ["event:gmail.message.received", "event:gmail.>", "event:*.message.*", "event:>"])
async def test_a_wait_before_its_event_is_found_by_routing(stores: Stores, address: str) -> None:
    begun = await awaited(stores, Wait("a", address))
    await awaited(stores, Wait("a", "event:slack.>"))
    assert targets(await arrive(stores, event())) == [(begun.id, "e1")]


async def test_an_event_before_its_wait_is_found_by_looking(stores: Stores) -> None:
    await wanted(stores)
    early = await begin(stores, run(started_at=NOW))
    await arrive(stores, event())
    wait = Wait("a", "event:gmail.>")
    after = await apply(stores, untold(early, opened=(wait,)))
    late = await begin(stores, run(started_at=NOW + timedelta(days=3650)), opened=(wait,))
    assert targets(await stores.events.look(early.id, "ws_1", [wait], HOUR)) == [(early.id, "e1")]
    assert await stores.events.look(late.id, "ws_1", [wait], HOUR) == []
    assert after.version == 2


async def test_who_meets_from_both_sides_is_owed_one_delivery(stores: Stores) -> None:
    await wanted(stores)
    [kept] = await stores.events.keep([event()])
    wait = Wait("a", "event:gmail.>")
    begun = await awaited(stores, wait)
    work = [
        *await stores.events.route([kept], HOUR),
        *await stores.events.look(begun.id, "ws_1", [wait], HOUR),
        *await stores.events.sweep(10, HOUR),
    ]
    assert targets(work) == [(begun.id, "e1")]


async def test_two_waits_of_a_run_are_one_delivery(stores: Stores) -> None:
    begun = await awaited(stores, Wait("a", "event:gmail.>"), Wait("b", "event:>"))
    [work] = await arrive(stores, event())
    assert (work.run_id, work.effect.step_id, work.effect.kind, work.effect.token) == (begun.id, "", "Deliver", 1)


async def test_a_wait_that_was_closed_hears_nothing(stores: Stores) -> None:
    wait = Wait("a", "event:gmail.>")
    begun = await awaited(stores, wait)
    await apply(stores, untold(begun, closed=(wait,)))
    assert await arrive(stores, event()) == []


async def test_what_is_about_an_objective_reaches_it(stores: Stores) -> None:
    begun = await awaited(stores, Wait("a", "objective:o1"))
    about = [event(f"e{name}", "objectives.changes.x", about=ObjectiveReport(name, "RUNNING")) for name in ("o1", "o2")]
    assert targets(await arrive(stores, *about)) == [(begun.id, "eo1")]
    wait = Wait("b", "objective:o2")
    await apply(stores, untold(begun, opened=(wait,)))
    assert targets(await stores.events.look(begun.id, "ws_1", [wait], HOUR)) == [(begun.id, "eo2")]


async def test_a_correlated_wait_hears_its_own_value_only(stores: Stores) -> None:
    await wanted(stores, correlate={"event": "n", "run": "input.n"})
    keys = [correlations(event(payload={"n": n}), [Correlate("gmail.>", "n")]).popitem()[1] for n in (1.0, 2.0)]
    waits = [Wait("a", f"event:gmail.>#{key}") for key in keys]
    first = await awaited(stores, waits[0])
    assert targets(await arrive(stores, *(event(f"e{n}", payload={"n": n}) for n in (1.0, 2.0)))) == [
        (first.id, "e1.0")
    ]
    second = await awaited(stores, waits[1])
    assert targets(await stores.events.look(second.id, "ws_1", waits[1:], HOUR)) == [(second.id, "e2.0")]


async def test_the_sweep_looks_for_those_who_died(stores: Stores) -> None:
    await wanted(stores)
    await stores.events.keep([event()])
    begun = await awaited(stores, Wait("a", "event:gmail.>"))
    assert targets(await stores.events.sweep(10, HOUR)) == [(begun.id, "e1")]
    assert await stores.events.sweep(10, HOUR) == []
    assert await fates(stores, event()) == [Receipt.DONE]


async def test_what_nobody_will_ever_want_is_not_kept(stores: Stores) -> None:
    await wanted(stores)
    await arrive(stores, event(), event("e2", "slack.message"))
    found = [await stores.events.event("ws_1", Deliver("tap", name)) for name in ("e1", "e2", "e3")]
    assert [each and each.event for each in found] == [event(), None, None]
    assert await stores.events.expire(OVER, HOUR, 10) == 1
    assert await stores.events.event("ws_1", Deliver("tap", "e1")) is None


async def wanted(stores: Stores, **config: Any) -> None:
    wait = step("w", StepType.WAIT_FOR_EVENT, event_type_pattern="gmail.>", config=config)
    await stores.publish(version([wait]), "Waits")


# --- definitions and the outbox --------------------------------------------------------------------------------------


async def test_a_definition_is_found_by_id_or_name_within_its_workspace(stores: Stores) -> None:
    made = await stores.publish(version([step("a")]), "One")
    for asked in ((made.definition_id, ""), ("", "One")):
        found = await stores.catalogue.find("ws_1", *asked)
        assert found is not None
        assert (found.id, found.name, found.latest_version) == (made.definition_id, "One", 1)
        assert await stores.catalogue.find("ws_2", *asked) is None
    assert await stores.runs.version(made.definition_id, 1) == made
    assert await stores.runs.version(made.definition_id, 2) is None


async def test_a_revision_of_schemas_stands_beside_its_version(stores: Stores) -> None:
    made = await stores.publish(version([step("a")]), "One")
    first, second = Schemas(1, {"required": ["a"]}, {}), Schemas(2, {}, {"required": ["b"]})
    for revision in (first, second):
        await stores.set_schemas(made, revision)
        definition = await stores.catalogue.find("ws_1", made.definition_id, "")
        assert definition is not None
        assert definition.schema_revision(1) == revision.revision
        assert definition.schema_revision(2) == 0
    for revision in (Schemas(), first, second):
        assert await stores.runs.version(made.definition_id, 1, revision.revision) == replace(made, schemas=revision)


async def test_what_was_started_is_found_under_its_key(stores: Stores) -> None:
    begun = run()
    assert await stores.runs.started(key_of(begun)) is None
    await begin(stores, begun)
    found = await stores.runs.started(key_of(begun))
    assert found is not None
    assert (found.run_id, found.fresh, found.sequence) == (begun.id, False, begun.sequence)
    assert await stores.runs.started(replace(key_of(begun), scope="other")) is None


async def test_changes_come_in_the_order_of_their_run_until_they_are_published(stores: Stores) -> None:
    begun = [await begin(stores) for _ in range(3)]
    for before in begun:
        await apply(stores, moved(before))
    shards = await stores.outbox.hold_shards("me", HOUR)
    assert shards == list(range(32))
    changes = await stores.outbox.unpublished(shards, 1000)
    assert {(change.sequence, change.trace) for change in changes} == {(1, START_TRACE), (2, STEP_TRACE)}
    found = [_key(change) for change in changes]
    assert sorted(found) == [(each.id, sequence) for each in begun for sequence in (1, 2)]
    assert all(found.index((each.id, 1)) < found.index((each.id, 2)) for each in begun)
    await stores.outbox.mark_published([(begun[0].id, 1), (begun[1].id, 1), (begun[1].id, 2)])
    left = sorted(_key(change) for change in await stores.outbox.unpublished(shards, 1000))
    assert left == [(begun[0].id, 2), (begun[2].id, 1), (begun[2].id, 2)]
    assert await stores.outbox.unpublished([], 1000) == []


def _key(change: Unpublished) -> tuple[str, int]:
    return change.stream, change.sequence


async def test_replicas_share_the_shards(stores: Stores) -> None:
    assert len(await stores.outbox.hold_shards("one", HOUR)) == 32
    assert await stores.outbox.hold_shards("two", HOUR) == []
    first = await stores.outbox.hold_shards("one", HOUR)
    second = await stores.outbox.hold_shards("two", HOUR)
    assert (len(first), len(second)) == (16, 16)
    assert {*first, *second} == set(range(32))
    assert await stores.outbox.hold_shards("one", HOUR) == first
    await stores.outbox.hold_shards("one", OVER)
    assert len(await stores.outbox.hold_shards("two", HOUR)) == 32
