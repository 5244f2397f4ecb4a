"""What becomes of an event that was routed to a definition, when somebody died, was faster, or cannot."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest

from service.domain.answers import Fault, FaultKind
from service.domain.bus_event import BusEvent, HandedIn, Tap
from service.domain.definition import Trigger, TriggerType
from service.domain.errors import Kind, Refusal, RunPurged
from service.domain.ids import Ids
from service.domain.state import Run
from service.domain.subject import CanonicalEntity
from service.engine.engine import Engine, Ports
from service.engine.ports.failures import StoreUnavailable
from service.engine.ports.triggers import TriggerDelivery
from service.engine.subjects import Subjects
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

    async def begun(self) -> Run:
        """The run that was started."""
        settled = await self.outcome()
        assert settled is not None
        run = await self.engines[0].advance.look(settled.run_id)
        assert run is not None
        return run

    async def outcome(self) -> TriggerDelivery | None:
        found = await self.triggers.starts_of(BusEvent("e1", "tests", "a.b", "ws_1"))
        return found[0] if found else None


class FakeDirectory:
    """Answers in turn; the last answer stays."""

    def __init__(self) -> None:
        self.answers: list[CanonicalEntity | Fault | None] = [None]

    async def canonical(self, *asked: Any) -> CanonicalEntity | Fault | None:
        return await self.resolve(*asked)

    async def resolve(self, *asked: Any) -> CanonicalEntity | Fault | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
def required() -> bool:
    return False


@pytest.fixture
async def place(engine_pool: Pool, definitions: Definitions, directory: FakeDirectory, required: bool) -> Place:
    pool = engine_pool
    nobody: Any = None  # a human task asks no sibling, and nothing is published here
    inbox, triggers, outbox = Inbox(pool), Triggers(pool), ChangeOutbox(pool)
    ports = Ports(Runs(pool), WorkQueue(pool), inbox, definitions, outbox, nobody, nobody, triggers)
    subjects, ids = Subjects(directory, required), Ids(lambda: str(next(_numbers)))
    engines = [Engine(ports, name, ids, subjects=subjects) for name in ("one", "two")]
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


async def test_an_event_whose_run_was_purged_starts_no_other(place: Place, owner: Owner) -> None:
    delivery = await place.routed()
    starter = place.engines[0].starter
    begun: Any = await starter.settle(delivery)
    await owner.execute("delete from workflow_runs; delete from changes where aggregate in ('run', 'step')")
    await owner.execute("update trigger_deliveries set outcome = '', run_id = ''")
    assert await place.engines[1].starter.settle(delivery) is None
    assert await place.outcome() == replace(delivery, outcome="run_purged")
    with pytest.raises(RunPurged) as caught:
        await starter.start(place.definition_id, BusEvent("e1", "tests", "a.b", "ws_1", payload={"n": 1.0}))
    assert caught.value.run_id == begun.id


async def test_what_was_routed_to_a_run_that_was_purged_is_forgotten(place: Place, owner: Owner) -> None:
    await owner.execute(
        "insert into run_effects (run_id, effect_id, step_id, attempt, kind, request, workspace_id, lease_token)"
        """ select 'wfr_gone', 'deliver/1', '', 0, 'Deliver', '{"source": "s", "event_id": "e"}', 'ws_1', 0"""
    )
    dispatcher = place.engines[0].dispatcher
    await dispatcher._claim()
    await dispatcher.tasks.drain()
    assert await (await owner.execute("select from run_effects")).fetchall() == []
    assert dispatcher.counters["orphans"] == 1


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


# --- what it is about ------------------------------------------------------------------------------------------------

RECORD = Tap("hubspot", "contact", "101", "created")
DANA = CanonicalEntity("ent_dana", "ENTITY_TYPE_CONTACT", "Dana")
KIM = CanonicalEntity("ent_kim", "ENTITY_TYPE_CONTACT", "Kim")
DOWN = Fault(FaultKind.TRANSPORT, "unavailable", "no answer")
ABOUT_KIM = HandedIn(TriggerType.EVENT, entity_id="ent_kim")


async def database_time(owner: Owner) -> datetime:
    [(now,)] = await (await owner.execute("select clock_timestamp()")).fetchall()
    return now  # type: ignore[no-any-return]


async def make_due(owner: Owner) -> None:
    await owner.execute("update trigger_deliveries set due_at = now()")


async def test_an_owner_that_is_down_delays_the_start(place: Place, directory: FakeDirectory, owner: Owner) -> None:
    directory.answers = [DOWN, DOWN, DANA]
    await place.routed(tap=RECORD)
    starter = place.engines[0].starter
    for delay in (timedelta(seconds=1), timedelta(seconds=2)):
        before = await database_time(owner)
        await starter._claim()
        settled = await place.outcome()
        assert settled is not None
        assert settled.outcome == ""
        [(due,)] = await (await owner.execute("select due_at from trigger_deliveries")).fetchall()
        assert before <= due - delay <= await database_time(owner)
        await make_due(owner)
    await starter._claim()
    assert (await place.begun()).entity_id == "ent_dana"
    assert starter.counters == {"claimed": 3, "postponed": 2, "started": 1}


async def test_the_start_key_decides_between_two_answers(place: Place, directory: FakeDirectory, owner: Owner) -> None:
    directory.answers = [DANA, KIM]
    delivery = await place.routed(tap=RECORD)
    await asyncio.gather(*(engine.starter.settle(delivery) for engine in place.engines))
    first = await place.begun()
    await owner.execute("update trigger_deliveries set outcome = ''")
    again = await place.engines[1].starter.settle(delivery)
    assert again is not None
    assert (again.id, again.entity_id) == (first.id, first.entity_id)


async def test_a_replica_that_died_before_it_started_leaves_it_to_the_next(
    place: Place, directory: FakeDirectory, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*asked: object) -> None:
        raise asyncio.CancelledError

    directory.answers = [KIM, DANA]
    await place.routed(tap=RECORD)
    with monkeypatch.context() as dying:
        dying.setattr(place.engines[0].advance, "start", die)
        with pytest.raises(asyncio.CancelledError):
            await place.engines[0].starter._claim()
    await make_due(owner)
    await place.engines[1].starter._claim()
    assert (await place.begun()).entity_id == "ent_dana"
    assert [engine.starter.counters["started"] for engine in place.engines] == [0, 1]


@pytest.mark.parametrize("required", [True])
@pytest.mark.parametrize("said", [{"tap": RECORD}, {"handed_in": ABOUT_KIM}, {"tap": RECORD, "handed_in": ABOUT_KIM}])
async def test_where_entities_are_required_the_reason_is_kept(place: Place, said: dict[str, Any]) -> None:
    delivery = await place.routed(**said)
    assert await place.engines[0].starter.settle(delivery) is None
    assert await place.outcome() == replace(delivery, outcome="unknown_entity")


async def test_the_callers_word_outweighs_the_record(place: Place, directory: FakeDirectory) -> None:
    directory.answers = [DANA]
    delivery = await place.routed(tap=RECORD, handed_in=replace(ABOUT_KIM, entity_type="lead"))
    await place.engines[0].starter.settle(delivery)
    begun = await place.begun()
    assert (begun.entity_id, begun.entity_type) == ("ent_kim", "lead")
