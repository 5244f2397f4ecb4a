"""What becomes of an event that was routed to a definition, when somebody died, was faster, or cannot."""

import asyncio
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import psycopg
import pytest

from service.domain.commands import BusEvent
from service.domain.definition import Trigger, TriggerType
from service.domain.errors import Kind, Refusal
from service.engine.engine import Engine, Ports
from service.engine.ports import StoreUnavailable, TriggerDelivery
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import Pool
from service.store.runs import Runs
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from tests.builders import step, version

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
LEASE = 30.0
_numbers = count(1)


@dataclass
class Place:
    """Engines without running loops on one database, and a definition that `a.b` starts."""

    inbox: Inbox
    triggers: Triggers
    engines: list[Engine]
    definitions: Definitions
    definition_id: str

    async def routed(self, **fields: Any) -> TriggerDelivery:
        event = BusEvent("e1", "tests", "a.b", "ws_1", payload={"n": 1.0}, **fields)
        await self.inbox.route(await self.inbox.keep([event]), LEASE)
        [delivery] = await self.triggers.starts_of(event)
        return delivery

    async def outcome(self) -> TriggerDelivery | None:
        found = await self.triggers.starts_of(BusEvent("e1", "tests", "a.b", "ws_1"))
        return found[0] if found else None


@pytest.fixture
async def place(engine_pool: Pool, definitions: Definitions) -> Place:
    pool = engine_pool
    nobody: Any = None  # a human task asks no sibling, and nothing is published here
    inbox, triggers, outbox = Inbox(pool), Triggers(pool), ChangeOutbox(pool)
    ports = Ports(Runs(pool), WorkQueue(pool), inbox, definitions, outbox, nobody, nobody, triggers)
    engines = [Engine(ports, name, lambda: str(next(_numbers))) for name in ("one", "two")]
    for engine in engines:
        await engine.open()
    made = await definitions.create("ws_1", "One", "", [], "user:ann", None)
    drawn = replace(version([step("a")]), definition_id=made.value.id, trigger=Trigger(TriggerType.EVENT, "a.*"))
    await definitions.publish(drawn, None, "user:ann", None)
    return Place(inbox, triggers, engines, definitions, made.value.id)


async def test_what_a_dead_replica_held_is_started_when_its_lease_has_run_out(place: Place, owner: Owner) -> None:
    await place.routed()
    assert len(await place.triggers.claim_starts(10, LEASE)) == 1  # and dies
    starter = place.engines[0].starter
    assert await starter._claim() is False
    assert starter.counters["started"] == 0
    await owner.execute("update trigger_deliveries set due_at = now()")
    await starter._claim()
    settled = await place.outcome()
    assert settled is not None
    assert (settled.outcome, settled.sequence, starter.counters["started"]) == ("started", 2, 1)


async def test_two_that_settle_one_delivery_start_one_run(place: Place) -> None:
    delivery = await place.routed()
    settling = (engine.starter.settle(delivery) for engine in place.engines * 5)
    runs = [run for run in await asyncio.gather(*settling) if run]
    assert len({(run.id, run.sequence) for run in runs}) == 1
    assert len(runs) == 10
    assert sum(engine.starter.counters["started"] for engine in place.engines) == 1


async def test_a_start_whose_outcome_was_not_written_is_found_again(place: Place) -> None:
    delivery = await place.routed()
    starter = place.engines[0].starter
    stored = BusEvent("e1", "tests", "a.b", "ws_1", payload={"n": 1.0})
    begun: Any = await starter.start(place.definition_id, stored)  # and dies
    again = await place.engines[1].starter.settle(delivery)
    assert again is not None
    assert again.id == begun.id


async def test_a_cycle_is_kept(place: Place) -> None:
    delivery = await place.routed(chain=(place.definition_id,))
    starter = place.engines[0].starter
    assert await starter.settle(delivery) is None
    assert await place.outcome() == replace(delivery, outcome="cycle")
    assert starter.counters == {"cycle": 1}


async def test_what_is_nobodys_concern_is_not_kept(place: Place) -> None:
    delivery = await place.routed()
    await place.definitions.enable(place.definition_id, False, None, None)
    starter = place.engines[0].starter
    assert await starter.settle(delivery) is None
    assert await place.outcome() is None
    assert starter.counters == {"disabled": 1}


async def test_an_event_that_is_gone_starts_nothing(place: Place, owner: Owner) -> None:
    delivery = await place.routed()
    await owner.execute("update bus_events set body = null")
    assert await place.engines[0].starter.settle(delivery) is None
    assert await place.outcome() is None


@pytest.mark.parametrize(
    ("trouble", "left"),
    [
        (StoreUnavailable("gone"), ""),
        (Refusal(Kind.ABORTED, "start_contended", "later"), ""),
        (ValueError("nobody expected this"), ""),
        (Refusal(Kind.CONFLICT, "run_too_deep", "never"), "run_too_deep"),
    ],
)
async def test_what_can_be_started_later_is_left_and_what_never_can_is_settled(
    place: Place, monkeypatch: pytest.MonkeyPatch, trouble: Exception, left: str
) -> None:
    async def fail(*asked: object) -> None:
        raise trouble

    await place.routed()
    engine = place.engines[0]
    monkeypatch.setattr(engine.advance, "start", fail)
    await engine.starter._claim()
    settled = await place.outcome()
    assert settled is not None
    assert settled.outcome == left
