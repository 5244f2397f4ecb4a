"""What a run is about that a changed record starts: its canonical entity, asked for before the start and until told."""

from typing import Any
from uuid import uuid4

import pytest
from grpc import StatusCode
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Entity, Fault, Script
from tests.bus.producers import SHAPES, Fact, contact
from tests.edge.edge import refused
from tests.journey.test_triggers import deliveries
from tests.journey.triggering import handing_in, on_event, on_tap, runs_of, send, triggered, until_started
from tests.world import World, world

DANA = Entity("CONTACT", "Dana", records=("crm/501",))
THEIRS = Entity("CONTACT", "Kim", "ws_other", records=("theirs/501",))
OUTAGE = 3


@pytest.fixture
def script(script: Script) -> Script:
    script.entities.update(ent_dana=DANA, ent_theirs=THEIRS)
    return script


def changed(provider: str, **said: str) -> Fact:
    return Fact(contact(provider=provider, **said), id=str(uuid4()), type=f"siphon.tap.{provider}.contact.created")


async def tell(world: World, fact: Fact) -> None:
    await send(world, fact.type, SHAPES["F"](fact))


def about(run: pb.WorkflowRun) -> tuple[str, str]:
    return run.entity_id, run.entity_type


def by_hand(kind: str, event_id: str, provider: str, **said: Any) -> pb.HandleTriggerRequest:
    payload = {"entity_id": "501", "provider_event_id": event_id}
    return handing_in(kind, event_id, payload, tap_provider=provider, tap_entity_type="contact", **said)


async def test_heard_or_handed_in_a_run_is_about_the_entity_behind_the_record(world: World) -> None:
    known, theirs = await triggered(world, on_tap("crm")), await triggered(world, on_tap("theirs"))
    by_type = await triggered(world, on_event("siphon.tap.crm.>"))
    for provider in ("crm", "theirs"):
        await tell(world, changed(provider))
    for definition_id, subject in (
        (known, ("ent_dana", "ENTITY_TYPE_CONTACT")),
        (by_type, ("ent_dana", "ENTITY_TYPE_CONTACT")),
        (theirs, ("501", "contact")),
    ):
        assert [about(run) for run in await until_started(world, definition_id)] == [subject]
    answer = await world.stub.HandleTrigger(by_hand("WEBHOOK", "by hand", "crm"))
    assert [about(run) for run in answer.started_runs] == [("ent_dana", "ENTITY_TYPE_CONTACT")]
    named = by_hand("WEBHOOK", "named", "crm", entity_id="ent_kim", entity_type="lead")
    assert [about(run) for run in (await world.stub.HandleTrigger(named)).started_runs] == [("ent_kim", "lead")]
    listed = await world.stub.ListRuns(pb.ListRunsRequest(entity_id="ent_dana"))
    assert {run.definition_id for run in listed.runs} == {known, by_type}


async def test_an_outage_delays_the_start_and_neither_loses_nor_repeats_it(world: World) -> None:
    definition_id = await triggered(world, on_tap("crm"))
    world.siblings.add_fault(Fault("entities.Resolve", "UNAVAILABLE", times=OUTAGE))
    fact = changed("crm")
    for _ in range(2):
        await tell(world, fact)
    [run] = await until_started(world, definition_id)
    assert about(run) == ("ent_dana", "ENTITY_TYPE_CONTACT")
    outcomes = [call.outcome for call in world.siblings.calls if call.method == "entities.Resolve"]
    assert outcomes == [*["UNAVAILABLE"] * OUTAGE, "ANSWERED"]
    await tell(world, changed("crm", provider_event_id="another"))
    assert len(await until_started(world, definition_id, 2)) == 2


async def test_a_caller_is_told_of_the_outage_and_may_ask_again(world: World) -> None:
    definition_id = await triggered(world, on_tap("crm"))
    world.siblings.add_fault(Fault("entities.Resolve", "UNAVAILABLE"))
    request = by_hand("WEBHOOK", "asked twice", "crm")
    error = await refused(world.stub.HandleTrigger(request))
    assert (error.code, error.reason) == (StatusCode.UNAVAILABLE, "entities_unavailable")
    again = await world.stub.HandleTrigger(request)
    assert [about(run) for run in again.started_runs] == [("ent_dana", "ENTITY_TYPE_CONTACT")]
    assert [run.id for run in await runs_of(world, definition_id)] == [run.id for run in again.started_runs]


async def test_where_entities_are_required_nothing_starts_about_nobody(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    async with world(database, own_nats.url, script, {"ENTITIES_REQUIRED": "yes"}) as strict:
        by_tap, by_type = await triggered(strict, on_tap()), await triggered(strict, on_event("lead.*"))
        answer = await strict.stub.HandleTrigger(by_hand("WEBHOOK", "of a stranger", "theirs"))
        assert answer == pb.HandleTriggerResponse()
        named = handing_in("EVENT", "about nobody", {}, event_type="lead.made", entity_id="ent_nobody")
        assert await strict.stub.HandleTrigger(named) == pb.HandleTriggerResponse()
        stranger = changed("theirs")
        await tell(strict, stranger)
        await tell(strict, changed("crm"))
        [run] = await until_started(strict, by_tap)
        assert about(run) == ("ent_dana", "ENTITY_TYPE_CONTACT")
        assert await runs_of(strict, by_type) == []
    for event_id in ("of a stranger", "about nobody", stranger.id):
        assert [row["outcome"] for row in await deliveries(database, event_id)] == ["unknown_entity"]


async def test_where_nobody_knows_entities_the_record_is_recorded(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    async with world(database, own_nats.url, script, {"ENTITIES_ADDRESS": ""}) as alone:
        definition_id = await triggered(alone, on_tap("crm"))
        await tell(alone, changed("crm"))
        assert [about(run) for run in await until_started(alone, definition_id)] == [("501", "contact")]
