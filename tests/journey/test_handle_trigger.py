"""HandleTrigger: what callers hand in starts and moves runs like what is heard on the bus, and is answered alike."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import grpc
import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from tests.bus.producers import SHAPES, Fact, contact
from tests.journey.acting import begin, found, states
from tests.journey.controlling import enable, key
from tests.journey.graphs import chain, step, task
from tests.journey.test_pipeline import VERSION, as_dict, outputs, shows
from tests.journey.triggering import handing_in, on_event, on_tap, on_tick, runs_of, send, triggered, until_started
from tests.promises import scale
from tests.world import PATIENCE_SECONDS, World, fixture, world

AT_ONCE = scale(300, 1_000)
AGAIN_SECONDS = 0.5
WAITING = 30


async def test_the_contracts_request_is_answered_as_the_contract_says(world: World) -> None:
    world.siblings.script.work.update(outputs(85000))
    await world.publish(VERSION)
    request = fixture("handle_trigger_request.json", pb.HandleTriggerRequest)
    answer = await world.stub.HandleTrigger(request)
    promised = as_dict(fixture("handle_trigger_response.json", pb.HandleTriggerResponse))["started_runs"]
    [run] = answer.started_runs
    assert shows(promised[0], as_dict(run)) == []
    assert len(answer.updated_runs) == 0
    assert await world.stub.HandleTrigger(request) == answer
    await world.until_step(run.id, "approve-high-value", "WAITING")


async def test_runs_are_started_or_moved_and_none_is_both(shared: World) -> None:
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern="order.*")
    waiting = [await begin(shared, chain(wait)) for _ in range(2)]
    starting = await triggered(shared, on_event("order.*"), wait)
    await triggered(shared, on_event("order.*", "n > 1"))
    request = handing_in("EVENT", str(uuid4()), {"n": 1}, event_type="order.paid")
    answer = await shared.stub.HandleTrigger(request)
    [run] = answer.started_runs
    assert (run.definition_id, states(run)) == (starting, {"wait": "WAITING"})
    assert {each.id for each in answer.updated_runs} == {run.id for run in waiting}
    assert all(found(each, "wait").event_id == request.trigger_event_id for each in answer.updated_runs)
    assert {each.state for each in answer.updated_runs} == {pb.WORKFLOW_STATE_COMPLETED}
    assert await shared.stub.HandleTrigger(request) == answer


async def test_calls_at_the_same_moment_all_tell_which_runs_moved(shared: World) -> None:
    like = chain(step("wait", "WAIT_FOR_EVENT", event_type_pattern="parcel.sent"))
    published = await shared.publish(like)
    waiting = [await shared.start(published.definition.id) for _ in range(WAITING)]
    request = handing_in("EVENT", str(uuid4()), event_type="parcel.sent")
    answers = await asyncio.gather(*(shared.stub.HandleTrigger(request) for _ in range(20)))
    for answer in answers:
        assert sorted(run.id for run in answer.updated_runs) == sorted(run.id for run in waiting)


async def test_one_kind_of_triggers_is_meant(shared: World) -> None:
    by_type, by_tap = await triggered(shared, on_event("kind.made")), await triggered(shared, on_tap("kinds"))
    tap: dict[str, Any] = {"event_type": "kind.made", "tap_provider": "kinds"}
    for kind, definition_id in (("EVENT", by_type), ("WEBHOOK", by_tap)):
        answer = await shared.stub.HandleTrigger(handing_in(kind, str(uuid4()), **tap))
        assert [run.definition_id for run in answer.started_runs] == [definition_id]


async def test_handed_in_and_heard_an_event_starts_one_run(shared: World) -> None:
    by_type, by_tap = await triggered(shared, on_event("siphon.tap.both.>")), await triggered(shared, on_tap("both"))
    fact = Fact(contact(provider="both"), id=str(uuid4()), type="siphon.tap.both.contact.created")
    await send(shared, fact.type, SHAPES["F"](fact))
    [heard] = await until_started(shared, by_type)
    answer = await shared.stub.HandleTrigger(handing_in("EVENT", fact.id, event_type=fact.type))
    assert [run.id for run in answer.started_runs] == [heard.id]
    webhook = handing_in("WEBHOOK", str(uuid4()), {"provider_event_id": "hs-9"}, tap_provider="both")
    [before] = await until_started(shared, by_tap)
    assert [run.id for run in (await shared.stub.HandleTrigger(webhook)).started_runs] == [before.id]


async def test_a_new_version_changes_nothing_for_an_event_of_before(shared: World) -> None:
    definition_id = await triggered(shared, on_event("before.x"))
    request = handing_in("EVENT", str(uuid4()), event_type="before.x")
    answer = await shared.stub.HandleTrigger(request)
    await shared.publish(chain(task("other"), trigger=on_event("after.x")), pb.WorkflowDefinition(id=definition_id))
    await triggered(shared, on_event("before.x"))
    assert await shared.stub.HandleTrigger(request) == answer


async def test_one_id_with_two_events_is_a_conflict(shared: World) -> None:
    event_id = str(uuid4())
    await shared.stub.HandleTrigger(handing_in("EVENT", event_id, {"n": 1}, event_type="one.id"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await shared.stub.HandleTrigger(handing_in("EVENT", event_id, {"n": 2}, event_type="one.id"))
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    elsewhere = handing_in("EVENT", event_id, {"n": 3}, event_type="one.id", workspace_id="ws_other")
    assert await shared.stub.HandleTrigger(elsewhere) == pb.HandleTriggerResponse()


async def test_nothing_of_another_workspace_is_started(shared: World) -> None:
    definition_id = await triggered(shared, on_event("of.one"))
    foreign = handing_in("EVENT", str(uuid4()), event_type="of.one", workspace_id="ws_other")
    assert await shared.stub.HandleTrigger(foreign) == pb.HandleTriggerResponse()
    assert await runs_of(shared, definition_id) == []


async def test_a_schedule_ticks_by_hand_once_per_id(shared: World) -> None:
    leap, yearly, off = [await triggered(shared, on_tick(cron)) for cron in ("0 9 29 2 *", "0 9 1 1 *", "0 9 29 2 *")]
    await enable(shared, off, False)
    request = handing_in("SCHEDULE", str(uuid4()), {"by": "hand"}, cron_expr="0  9 29 2 *")
    answer = await shared.stub.HandleTrigger(request)
    [run] = answer.started_runs
    assert (run.definition_id, run.trigger_type, run.input_payload["by"]) == (leap, pb.TRIGGER_TYPE_SCHEDULE, "hand")
    assert await shared.stub.HandleTrigger(request) == answer
    of_all = await shared.stub.HandleTrigger(handing_in("SCHEDULE", str(uuid4())))
    assert {run.definition_id for run in of_all.started_runs} == {leap, yearly}


async def test_a_callers_key_is_answered_as_the_first_time(shared: World) -> None:
    await triggered(shared, on_event("keyed.x"))
    request, metadata = handing_in("EVENT", str(uuid4()), event_type="keyed.x"), key()
    first = await shared.stub.HandleTrigger(request, metadata=metadata)
    call = shared.stub.HandleTrigger(request, metadata=metadata)
    assert await call == first
    assert dict(await call.initial_metadata())["idempotent-replay"] == "true"
    request.trigger_event_id = str(uuid4())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await shared.stub.HandleTrigger(request, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.fixture
async def replicas(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[list[World]]:
    async with AsyncExitStack() as stack:
        settings = ({"REPLICA_NAME": name} for name in ("one", "two", "three"))
        yield [await stack.enter_async_context(world(database, own_nats.url, script, said)) for said in settings]


async def patiently(world: World, request: pb.HandleTriggerRequest) -> pb.HandleTriggerResponse:
    """On a slow machine so many wait longer for a connection than a replica lets them: they are told to come again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await world.stub.HandleTrigger(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)


async def test_hundreds_of_calls_at_three_replicas_start_each_definition_once(replicas: list[World]) -> None:
    definitions = [await triggered(replicas[0], trigger) for trigger in (on_event("rush.x"), on_event("rush.*"))]
    request = handing_in("EVENT", str(uuid4()), event_type="rush.x")
    calls = (patiently(replicas[number % 3], request) for number in range(AT_ONCE))
    answers = await asyncio.gather(*calls)
    started = {run.definition_id: run.id for run in answers[0].started_runs}
    assert started.keys() == set(definitions)
    assert all({run.definition_id: run.id for run in answer.started_runs} == started for answer in answers)
    assert [len(await runs_of(replicas[0], each)) for each in definitions] == [1, 1]
