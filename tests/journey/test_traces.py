"""A caller's trace goes from request to change to sibling and back, with nobody recording spans: it is plain data."""

from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.service_process import ServiceProcess
from service.dev.siblings.script import Fault, Script, Work
from service.dev.siblings.simulation import SimulatedSiblings
from tests import warm
from tests.journey.acting import asked, begin, report, until_siblings
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, step, task
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.journey.triggering import handing_in, on_event, triggered, until_started, until_taken_in
from tests.world import WORKSPACE, Change, World, around

STATE = "congo=t61rcWkgMzE"

Metadata = Sequence[tuple[str, str]]


def parent() -> str:
    return f"00-{uuid4().hex}-00f067aa0ba902b7-01"


def traces(changes: Sequence[Change]) -> set[str | None]:
    """The traces that changes carry, as CloudEvents and as messages alike."""
    for change in changes:
        for name in ("traceparent", "tracestate"):
            assert change.headers.get(f"ce-{name}") == change.headers.get(name)
    return {change.headers.get("ce-traceparent") for change in changes}


async def started(world: World, like: pb.PublishVersionRequest, *metadata: tuple[str, str]) -> pb.WorkflowRun:
    published = await world.publish(like)
    request = pb.StartRunRequest(definition_id=published.definition.id)
    return (await world.stub.StartRun(request, metadata=metadata)).run


async def test_every_change_and_every_call_is_of_the_requests_trace(shared: World) -> None:
    shared.siblings.script.work["traced"] = Work({"n": 1}, cost_usd=0.5)
    trace = parent()
    run = await started(shared, chain(agent("traced")), ("traceparent", trace), ("tracestate", STATE))
    told = await shared.until_told(run.id, "run.completed")
    assert traces(told) == {trace}
    assert {change.headers["tracestate"] for change in told} == {STATE}
    calls = [call for call in shared.siblings.calls if trace in call.trace]
    assert {call.trace for call in calls} == {f"{trace} {STATE}"}
    assert {"objectives.Create", "agents.Get"} <= {call.method for call in calls}
    assert {call.idempotency_key for call in asked(shared, run.id)} <= {call.idempotency_key for call in calls}


async def test_each_cause_has_the_trace_it_came_with(shared: World) -> None:
    first, second = parent(), parent()
    run = await started(shared, chain(task("one"), task("two"), agent("traced")), ("traceparent", first))
    request = pb.TransitionStepRequest(run_id=run.id, step_id="one", state=pb.STEP_RUN_STATE_COMPLETED)
    await shared.stub.TransitionStep(request, metadata=(("traceparent", second), ("idempotency-key", "one")))
    await report(shared, run.id, "two", "COMPLETED")
    told = await shared.until_told(run.id, "run.completed")
    by_trace = [(change.type.rpartition(".")[2], change.headers.get("traceparent")) for change in told]
    assert by_trace[:2] == [("started", first), ("waiting", first)]
    assert by_trace[2:4] == [("completed", second), ("waiting", second)]
    assert {trace for _, trace in by_trace[4:]} == {None}
    assert {call.trace for call in asked(shared, run.id)} == {""}


@pytest.mark.parametrize(
    "metadata",
    [
        [("traceparent", "00-broken")],
        [("traceparent", "")],
        [("tracestate", STATE)],
        [("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01"), ("tracestate", "=")],
    ],
)
async def test_what_is_no_trace_is_left_out_and_no_error(shared: World, metadata: Metadata) -> None:
    run = await started(shared, chain(task("sign")), *metadata)
    assert traces(await shared.told(run.id, 2)) == {None}


async def test_a_state_that_cannot_be_read_costs_the_state_alone(shared: World) -> None:
    trace = parent()
    run = await started(shared, chain(task("sign")), ("traceparent", trace), ("tracestate", "x" * 600))
    told = await shared.told(run.id, 2)
    assert (traces(told), {change.headers.get("tracestate") for change in told}) == ({trace}, {None})


async def test_children_and_what_they_tell_their_parent_go_on_with_the_trace(shared: World) -> None:
    trace = parent()
    called = await by_id(shared, chain(agent("traced")))
    run = await started(shared, chain(calling("call", called)), ("traceparent", trace))
    child = await child_of(shared, run)
    assert traces(await shared.until_told(child.id, "run.completed")) == {trace}
    assert traces(await shared.until_told(run.id, "run.completed")) == {trace}


async def test_what_the_clock_brings_about_is_of_the_trace_that_started_the_run(shared: World) -> None:
    shared.siblings.script.work["again"] = Work({"ok": True}, failures=1)
    trace = parent()
    run = await started(shared, chain(agent("again", retry_policy=ONCE_MORE_SOON)), ("traceparent", trace))
    told = await shared.until_told(run.id, "run.completed")
    assert "workflows.changes.step.retrying" in [change.type for change in told]
    assert traces(told) == {trace}
    created = [call for call in asked(shared, run.id) if call.method == "objectives.Create"]
    assert [call.trace for call in created] == [trace, trace]


async def test_an_event_moves_a_run_under_its_own_trace(shared: World) -> None:
    ours, theirs = parent(), parent()
    kind = f"siphon.tap.traced{uuid4().hex}"
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern=kind)
    run = await started(shared, chain(wait, agent("traced")), ("traceparent", ours))
    await shared.until_step(run.id, "wait", "WAITING")
    await shared.say(kind, {}, traceparent=theirs, tracestate=STATE)
    told = await shared.until_told(run.id, "run.completed")
    assert traces(told[:2]) == {ours}
    assert traces(told[2:]) == {theirs}
    assert {call.trace for call in asked(shared, run.id)} == {f"{theirs} {STATE}"}


async def test_an_event_that_came_first_brings_its_trace_along(shared: World) -> None:
    """It waits in the inbox until somebody wants it."""
    theirs, kind = parent(), f"siphon.tap.early{uuid4().hex}"
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern=kind)
    run = await begin(shared, chain(task("first"), wait))
    await shared.say(kind, {}, traceparent=theirs)
    await until_taken_in(shared, f"last{uuid4().hex}")
    await report(shared, run.id, "first", "COMPLETED")
    told = await shared.until_told(run.id, "run.completed")
    assert traces([change for change in told if change.type.endswith("run.completed")]) == {theirs}


async def test_an_event_starts_runs_under_its_trace(shared: World) -> None:
    theirs, kind = parent(), f"siphon.tap.starts{uuid4().hex}"
    definition_id = await triggered(shared, on_event(kind), agent("traced"))
    await shared.say(kind, {}, traceparent=theirs)
    [run] = await until_started(shared, definition_id)
    assert traces(await shared.until_told(run.id, "run.completed")) == {theirs}


async def test_an_event_handed_in_is_of_the_callers_trace(shared: World) -> None:
    trace, kind = parent(), f"siphon.tap.handed{uuid4().hex}"
    await triggered(shared, on_event(kind))
    request = handing_in("EVENT", str(uuid4()), event_type=kind)
    [run] = (await shared.stub.HandleTrigger(request, metadata=(("traceparent", trace),))).started_runs
    assert traces(await shared.told(run.id, 2)) == {trace}
    again = await shared.stub.HandleTrigger(request, metadata=(("traceparent", parent()),))
    assert [each.id for each in again.started_runs] == [run.id]


async def test_definitions_and_versions_are_told_of_with_their_trace(shared: World) -> None:
    first, second = parent(), parent()
    request = pb.CreateDefinitionRequest(workspace_id=WORKSPACE, name=f"traced {uuid4()}")
    made = (await shared.stub.CreateDefinition(request, metadata=(("traceparent", first),))).definition
    draft = chain(task("sign"))
    draft.definition_id = made.id
    await shared.stub.PublishVersion(draft, metadata=(("traceparent", second),))
    told = await shared.told(made.id, 2)
    assert [change.headers["traceparent"] for change in told] == [first, second]


# --- another process goes on -----------------------------------------------------------------------------------------


@pytest.fixture
async def dying(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[tuple[World, ServiceProcess]]:
    async with SimulatedSiblings(script, own_nats.url) as siblings:
        environment = {
            "DATABASE_URL": database,
            "NATS_URL": own_nats.url,
            "LEASE_SECONDS": "1",
            "AUTH": "off",
            **{f"{name.upper()}_ADDRESS": address for name, address in siblings.addresses.items()},
        }
        async with warm.service(environment) as service, around(siblings, own_nats.url, service.grpc) as world:
            yield world, service


async def test_whoever_takes_over_asks_under_the_same_trace(dying: tuple[World, ServiceProcess]) -> None:
    world, service = dying
    world.siblings.add_fault(Fault("objectives.Create", "HANG"))
    trace = parent()
    run = await started(world, chain(agent("taken-over")), ("traceparent", trace))
    await until_siblings(world, lambda: len(created(world, run.id)) == 1)
    service.kill()
    service.launch()
    told = await world.until_told(run.id, "run.completed")
    assert traces(told) == {trace}
    assert set(created(world, run.id)) == {trace}
    assert len(created(world, run.id)) > 1


def created(world: World, run_id: str) -> list[str]:
    return [call.trace for call in asked(world, run_id) if call.method == "objectives.Create"]
