"""The database and the bus go away in the middle of a run and come back: the service says so, waits, and goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.siblings.script import Script, Work
from service.store.migrate import Migrator
from tests.edge.edge import refused
from tests.journey.acting import begin, found, plain, report
from tests.journey.graphs import agent, chain, task
from tests.journey.streams import stored_changes, until_stored
from tests.world import PATIENCE_SECONDS, World, world

SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
ANSWERED_SECONDS = 5.0
"""Within this even a call that needs what is not there has to be answered."""
TWO_AGENTS = chain(agent("before"), agent("meanwhile"), task("after"))


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(durable=False) as server:
        yield server


@pytest.fixture
async def lonely(own_postgres: EmbeddedPostgres, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[World]:
    """A world whose database and bus are nobody else's."""
    await Migrator(own_postgres.dsn).up()
    async with world(own_postgres.dsn, own_nats.url, script) as found:
        yield found


class Watch:
    """The service's health, as a caller of grpc.health.v1 sees it change."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        request = health_pb2.HealthCheckRequest(service="workflows.v1.WorkflowService")
        self.call = health_pb2_grpc.HealthStub(channel).Watch(request)

    async def until(self, wanted: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for change in self.call:
                if health_pb2.HealthCheckResponse.ServingStatus.Name(change.status) == wanted:
                    return


@pytest.fixture
def health(lonely: World) -> Iterator[Watch]:
    watch = Watch(lonely.channel)
    yield watch
    watch.call.cancel()


async def at_the_second_agent(world: World) -> pb.WorkflowRun:
    """A run whose second agent is at work and will be done when the test says so."""
    world.siblings.script.work["meanwhile"] = Work(held=True)
    run = await begin(world, TWO_AGENTS, {"n": 1})
    return await world.until(run.id, lambda run: bool(found(run, "meanwhile").objective_id))


async def test_the_database_goes_and_comes_back(lonely: World, health: Watch, own_postgres: EmbeddedPostgres) -> None:
    run = await at_the_second_agent(lonely)
    await health.until(SERVING)
    own_postgres.stop(immediate=True)
    await health.until(NOT_SERVING)
    already = pb.TransitionStepRequest(run_id=run.id, step_id="meanwhile", state=pb.STEP_RUN_STATE_COMPLETED)
    reading = lonely.stub.GetRun(pb.GetRunRequest(id=run.id), timeout=ANSWERED_SECONDS)
    writing = lonely.stub.TransitionStep(already, timeout=ANSWERED_SECONDS)
    for seen in await asyncio.gather(refused(reading), refused(writing)):
        assert (seen.code, seen.reason) == (grpc.StatusCode.UNAVAILABLE, "database_unavailable")
        assert seen.retry_ms
    await lonely.siblings.finish_objective(found(run, "meanwhile").objective_id, Work({"done": True}))

    own_postgres.start()
    await health.until(SERVING)
    after = await lonely.until_step(run.id, "after", "WAITING")
    assert plain(after.input_payload) == {"done": True}
    assert (await report(lonely, run.id, "after", "COMPLETED")).run.state == pb.WORKFLOW_STATE_COMPLETED
    await check_told_in_order(lonely, run.id)


async def test_the_bus_goes_and_comes_back(lonely: World, health: Watch, own_nats: EmbeddedNats) -> None:
    run = await at_the_second_agent(lonely)
    await health.until(SERVING)
    own_nats.kill()
    await health.until(NOT_SERVING)
    await report(lonely, run.id, "meanwhile", "COMPLETED", output={"by": "rpc"})
    answer = await report(lonely, run.id, "after", "COMPLETED")
    assert answer.run.state == pb.WORKFLOW_STATE_COMPLETED

    own_nats.start()
    await health.until(SERVING)
    await check_told_in_order(lonely, run.id)


async def check_told_in_order(world: World, run_id: str) -> None:
    """Every change of the run is on the bus once, in order, up to its end."""
    await until_stored(world.bus, run_id, "run.completed")
    kept = await stored_changes(world.bus, run_id)
    assert [change.sequence for change in kept] == list(range(1, len(kept) + 1))
    assert kept[-1].type == "workflows.changes.run.completed"
