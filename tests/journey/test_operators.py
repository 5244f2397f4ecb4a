"""What operators do with events, through the whole: letters, events, publishing again, and a bus that lost its disk."""

import asyncio

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import events_pb2 as ops
from workflows.ops.v1.events_pb2_grpc import EventServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from tests.edge.edge import refused
from tests.journey.acting import begin, plain, report
from tests.journey.graphs import chain, step, task
from tests.journey.streams import stored_changes, until_stored
from tests.world import PATIENCE_SECONDS, WORKSPACE, World

WAIT = "siphon.tap.orders"
TWO_TASKS = chain(task("first"), task("second"))


@pytest.fixture
def events(shared: World) -> EventServiceStub:
    return EventServiceStub(shared.channel)


def wait(event_type: str) -> pb.StepDefinition:
    return step("wait", "WAIT_FOR_EVENT", event_type_pattern=event_type)


async def after(shared: World, event_type: str) -> str:
    """Says an event, and returns its id when a run has moved by it: what came before it was taken, too."""
    run = await begin(shared, chain(wait(event_type)))
    await shared.until_step(run.id, "wait", "WAITING")
    event_id = await shared.say(event_type, {"n": 1})
    await shared.until_step(run.id, "wait", "COMPLETED")
    return event_id


async def of_reason(events: EventServiceStub, reason: str) -> list[ops.DeadLetter]:
    return list((await events.ListDeadLetters(ops.ListDeadLettersRequest(reason=reason))).letters)


# --- letters ---------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_read_is_put_aside_and_can_be_discarded(shared: World, events: EventServiceStub) -> None:
    await shared.bus.jetstream().publish(f"{WAIT}.broken", b"{\xff", headers={"x": "1"})
    await after(shared, f"{WAIT}.whole")
    [letter] = await of_reason(events, "bad_json")
    assert (letter.bus_subject, letter.size) == (f"{WAIT}.broken", 2)
    opened = await events.GetDeadLetter(ops.GetDeadLetterRequest(id=letter.id))
    assert (opened.body, dict(opened.headers)) == (b"{\xff", {"x": "1"})
    replayed = (await events.ReplayDeadLetter(ops.ReplayDeadLetterRequest(id=letter.id))).letter
    assert (replayed.outcome, replayed.outcome_reason) == (ops.REPLAY_OUTCOME_STILL_POISON, "bad_json")
    await events.DiscardDeadLetter(ops.DiscardDeadLetterRequest(id=letter.id))
    assert await of_reason(events, "bad_json") == []
    gone = await refused(events.ReplayDeadLetter(ops.ReplayDeadLetterRequest(id=letter.id)))
    assert gone.reason == "dead_letter_not_found"


async def test_a_letter_that_can_be_read_by_now_counts_once(
    shared: World, events: EventServiceStub, shared_database: str
) -> None:
    """An earlier release could not read it."""
    run = await begin(shared, chain(wait(f"{WAIT}.late")))
    await shared.until_step(run.id, "wait", "WAITING")
    headers = {"ce-specversion": "1.0", "ce-id": "late", "ce-type": f"{WAIT}.late", "ce-source": "tests"}
    async with await psycopg.AsyncConnection.connect(shared_database, autocommit=True) as owner:
        await owner.execute(
            "insert into dead_letters (bus_subject, raw, headers, reason) values (%s, %s, %s, 'undeliverable')",
            (f"{WAIT}.late", b'{"n": 7}', psycopg.types.json.Jsonb({**headers, "ce-tenantid": WORKSPACE})),
        )
    [letter] = await of_reason(events, "undeliverable")
    outcomes = [
        (await events.ReplayDeadLetter(ops.ReplayDeadLetterRequest(id=letter.id))).letter.outcome for _ in range(2)
    ]
    assert outcomes == [ops.REPLAY_OUTCOME_ROUTED, ops.REPLAY_OUTCOME_KNOWN]
    done = await shared.until_step(run.id, "wait", "COMPLETED")
    assert plain(done.output_payload)["n"] == 7
    [kept] = await of_reason(events, "undeliverable")
    assert (kept.outcome, kept.HasField("replayed_at")) == (ops.REPLAY_OUTCOME_KNOWN, True)


# --- events ----------------------------------------------------------------------------------------------------------


async def test_events_that_were_heard_can_be_looked_up(shared: World, events: EventServiceStub) -> None:
    unwanted = await shared.say(f"{WAIT}.seen.unwanted", {"n": 1})
    wanted = await after(shared, f"{WAIT}.seen.wanted")
    listed = await events.ListEvents(ops.ListEventsRequest(workspace_id=WORKSPACE, type_prefix=f"{WAIT}.seen."))
    assert {event.id: event.state for event in listed.events} == {
        unwanted: ops.EVENT_STATE_FADED,
        wanted: ops.EVENT_STATE_ROUTED,
    }
    assert listed.total == 2
    found = await events.GetEvent(ops.GetEventRequest(workspace_id=WORKSPACE, source="tests", id=wanted))
    assert plain(found.payload) == {"n": 1}
    missing = await refused(events.GetEvent(ops.GetEventRequest(workspace_id="ws_other", source="tests", id=wanted)))
    assert missing.reason == "event_not_found"


# --- publishing again ------------------------------------------------------------------------------------------------


async def finished(world: World) -> pb.WorkflowRun:
    """A run that has ended, and whose end was published."""
    run = await begin(world, TWO_TASKS)
    for name in ("first", "second"):
        await world.until_step(run.id, name, "WAITING")
        await report(world, run.id, name, "COMPLETED")
    await until_stored(world.bus, run.id, "run.completed")
    return run


async def until_marked(events: EventServiceStub, request: ops.RepublishRequest, count: int) -> None:
    """Asks until so many are known to be published: the mark comes after the bus has told of a change."""
    trial = ops.RepublishRequest(since=request.since, run_id=request.run_id, dry_run=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await events.Republish(trial)).count != count:
            pass


async def test_a_run_is_published_again_under_the_same_ids(shared: World, events: EventServiceStub) -> None:
    run = await finished(shared)
    before = await shared.until_told(run.id, "run.completed")
    request = ops.RepublishRequest(since=Timestamp(seconds=1), run_id=run.id)
    await until_marked(events, request, len(before))
    assert (await events.Republish(request)).count == len(before)
    heard = await shared.told(run.id, 2 * len(before))
    assert heard[len(before) :] == heard[: len(before)]
    kept = await stored_changes(shared.bus, run.id)
    assert [change.sequence for change in kept] == list(range(1, len(before) + 1))


async def test_a_bus_that_lost_its_disk_is_told_everything_again(world: World, own_nats: EmbeddedNats) -> None:
    ended = await finished(world)
    going = await begin(world, TWO_TASKS)
    await until_stored(world.bus, going.id, "step.waiting")
    own_nats.wipe()
    await report(world, going.id, "first", "COMPLETED")
    await report(world, going.id, "second", "COMPLETED")
    await world.until_told(going.id, "run.completed")
    for run in (ended, going):
        await until_stored(world.bus, run.id, "run.completed")
        kept = await stored_changes(world.bus, run.id)
        assert [change.sequence for change in kept] == list(range(1, len(kept) + 1))
        assert kept[-1].type == "workflows.changes.run.completed"
