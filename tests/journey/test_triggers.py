"""Workflows that start themselves by what is said on the bus: once, by the right events, and never in circles."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import grpc
import psycopg
import pytest
from psycopg.rows import dict_row
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from tests.bus.producers import CREATED, SHAPES, Fact, contact
from tests.journey.acting import found, plain, report
from tests.journey.controlling import enable
from tests.journey.graphs import step, task
from tests.journey.test_pipeline import VERSION, outputs
from tests.journey.triggering import (
    on_event,
    on_tap,
    runs_of,
    send,
    start_exactly,
    triggered,
    until_started,
    until_taken_in,
)
from tests.world import World, step_state, world

LISTEN = "workflows_changes=workflows.changes.>"


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_tap_event_starts_the_pipeline_in_every_shape(shared: World, shape: str) -> None:
    shared.siblings.script.work.update(outputs(85000))
    definition = (await shared.publish(VERSION)).definition
    fact = Fact(contact(provider_event_id=f"hs {shape}"), id=f"tap {shape}")
    for _ in range(2):
        await send(shared, CREATED, SHAPES[shape](fact))
    [run] = await until_started(shared, definition.id)
    await enable(shared, definition.id, False)  # the other shapes' events are not for this one
    begun = await shared.run(run.id)
    assert (begun.trigger_type, begun.trigger_event_id) == (pb.TRIGGER_TYPE_WEBHOOK, f"tap {shape}")
    assert (begun.entity_id, begun.entity_type) == ("501", "contact")
    assert plain(begun.input_payload)["snapshot"] == {
        "email": "ann@acme.test",
        "lifecycle_stage": "lead",
        "employees": 40,
    }
    await shared.until_step(run.id, "approve-high-value", "WAITING")


async def test_one_event_said_a_hundred_times_starts_one_run(shared: World) -> None:
    by_type, by_tap = await triggered(shared, on_event("siphon.tap.often.>")), await triggered(shared, on_tap("often"))
    fact = Fact(contact(provider="often"), type="siphon.tap.often.contact.created", id=str(uuid4()))
    for number in range(100):
        again = SHAPES["E" if number % 2 else "F"](fact)
        await send(shared, "siphon.tap.often.contact.created", again)
    await start_exactly(shared, "after_often", {by_type: 1, by_tap: 1})


async def test_one_change_told_by_two_events_starts_a_webhook_once(shared: World) -> None:
    by_type, by_tap = await triggered(shared, on_event("siphon.tap.twice.>")), await triggered(shared, on_tap("twice"))
    for _ in range(2):
        fact = Fact(contact(provider="twice"), type="siphon.tap.twice.contact.created", id=str(uuid4()))
        await send(shared, fact.type, SHAPES["F"](fact))
    await start_exactly(shared, "after_twice", {by_type: 2, by_tap: 1})


async def test_only_what_matches_starts(shared: World) -> None:
    wanted = [
        await triggered(shared, trigger)
        for trigger in (
            on_event("siphon.tap.choosy.deal.*"),
            on_event("siphon.tap.choosy.>", "amount > 10 && event.type.endsWith('won')"),
            on_event(event_subject="siphon.tap.choosy.deal.won"),
        )
    ]
    others = [
        await triggered(shared, trigger)
        for trigger in (
            on_event("siphon.tap.choosy.deal"),
            on_event("siphon.tap.choosy.>", "amount > 99"),
            on_event("siphon.tap.choosy.>", event_subject="elsewhere.>"),
            on_tap("choosy"),
        )
    ]
    await shared.say("siphon.tap.choosy.deal.won", {"amount": 50})
    await start_exactly(shared, "after_choosy", dict.fromkeys(wanted, 1) | dict.fromkeys(others, 0))


async def test_a_broken_filter_keeps_no_other_definition_from_starting(shared: World) -> None:
    broken = await triggered(shared, on_event("siphon.tap.filters.>", "no.such.thing == 1"))
    sound = await triggered(shared, on_event("siphon.tap.filters.>", "there == 1"))
    await shared.say("siphon.tap.filters.x", {"there": 1})
    await start_exactly(shared, "after_filters", {broken: 0, sound: 1})


async def test_an_event_of_another_tenant_starts_nothing_here(shared: World) -> None:
    definition_id = await triggered(shared, on_event("siphon.tap.tenants.>"))
    await shared.say("siphon.tap.tenants.x", {}, tenant="ws_other")
    await until_taken_in(shared, "after_tenants")
    assert await runs_of(shared, definition_id) == []


async def test_the_latest_version_is_what_starts(shared: World) -> None:
    first = await triggered(shared, on_event("siphon.tap.old.>"))
    definition = pb.WorkflowDefinition(id=first)
    await shared.publish(
        pb.PublishVersionRequest(steps=[task("other")], trigger=on_event("siphon.tap.new.>")), definition
    )
    for name in ("old", "new"):
        await shared.say(f"siphon.tap.{name}.x", {})
    await until_started(shared, first)
    await until_taken_in(shared, "after_new")
    [run] = await runs_of(shared, first)
    assert (run.definition_version, [each.step_id for each in run.steps]) == (2, ["other"])


async def test_an_event_that_starts_a_run_ends_waits_of_others_only(shared: World) -> None:
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern="siphon.tap.own.>")
    definition_id = await triggered(shared, on_event("siphon.tap.own.>"), wait)
    await shared.say("siphon.tap.own.first", {})
    [first] = await until_started(shared, definition_id)
    await shared.until_step(first.id, "wait", "WAITING")
    second = await shared.say("siphon.tap.own.second", {"n": 2})
    ended = await shared.until_ended(first.id)
    assert found(ended, "wait").event_id == second
    runs = await until_started(shared, definition_id, 2)
    later = next(run for run in runs if run.id != first.id)
    assert (later.trigger_event_id, step_state(later, "wait")) == (second, "WAITING")


async def test_a_disabled_definition_starts_no_runs_and_those_that_go_on_do(shared: World) -> None:
    definition_id = await triggered(shared, on_event("siphon.tap.off.>"))
    await shared.say("siphon.tap.off.x", {})
    [run] = await until_started(shared, definition_id)
    assert await enable(shared, definition_id, False) is False
    await shared.say("siphon.tap.off.x", {})
    await until_taken_in(shared, "after_off")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await shared.start(definition_id)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await report(shared, run.id, "sign", "COMPLETED")
    assert (await shared.until_ended(run.id)).state == pb.WORKFLOW_STATE_COMPLETED
    await enable(shared, definition_id, True)
    await shared.say("siphon.tap.off.x", {})
    assert len(await until_started(shared, definition_id, 2)) == 2


# --- several replicas, and chains ------------------------------------------------------------------------------------


@pytest.fixture
async def replicas(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[list[World]]:
    async with AsyncExitStack() as stack:
        names = ({"REPLICA_NAME": name} for name in ("one", "two"))
        yield [await stack.enter_async_context(world(database, own_nats.url, script, name)) for name in names]


async def test_two_replicas_start_every_event_once(replicas: list[World]) -> None:
    shared = replicas[0]
    definition_id = await triggered(shared, on_tap("many"))
    facts = [
        Fact(contact(provider="many", provider_event_id=f"hs-{n}"), id=f"e-{n}", type="siphon.tap.many.contact.created")
        for n in range(40)
    ]
    for fact in (*facts, *facts):
        await send(shared, fact.type, SHAPES["F"](fact))
    runs = await until_started(shared, definition_id, 40)
    await until_taken_in(shared, "after_many")
    assert len(await runs_of(shared, definition_id)) == 40
    assert sorted(run.trigger_event_id for run in runs) == sorted(fact.id for fact in facts)


async def test_a_run_starts_others_but_never_what_led_to_it(
    database: str, own_nats: EmbeddedNats, script: Script
) -> None:
    async with world(database, own_nats.url, script, {"NATS_LISTEN": LISTEN}) as shared:
        follower = await triggered(shared, on_event("workflows.changes.run.completed"))
        leader = (await shared.publish(pb.PublishVersionRequest(steps=[task("sign")]))).definition.id
        first = await shared.start(leader)
        await report(shared, first.id, "sign", "COMPLETED")
        [second] = await until_started(shared, follower)
        assert plain(second.input_payload)["run"]["id"] == first.id
        told = await shared.told(second.id, 1)
        assert told[0].headers["ce-causechain"] == f"{leader},{follower}"
        await report(shared, second.id, "sign", "COMPLETED")
        await shared.until_told(second.id, "run.completed")
        third = await shared.start(leader)
        await report(shared, third.id, "sign", "COMPLETED")
        runs = await until_started(shared, follower, 2)
        assert {plain(run.input_payload)["run"]["id"] for run in runs} == {first.id, third.id}
    assert [row["outcome"] for row in await deliveries(database, f"{second.id}.%")] == ["cycle"]


async def deliveries(database: str, event_id: str) -> list[dict[str, Any]]:
    """What became of events like that."""
    query = "select * from trigger_deliveries where event_id like %s"
    async with await psycopg.AsyncConnection.connect(database, row_factory=dict_row) as owner:
        return await (await owner.execute(query, (event_id,))).fetchall()
