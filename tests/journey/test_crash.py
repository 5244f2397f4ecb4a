"""The service is killed at twenty moments of the pipeline and started again each time: nothing is lost, nothing twice.

The service is a process of its own; database, bus and siblings live on. A moment is something of the run that the
world sees for the first time: a change on the bus, or a call at a sibling, which is killed before it can be answered.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.service_process import ServiceProcess
from service.dev.siblings.script import Ruling, Script
from service.dev.siblings.simulation import SimulatedSiblings
from tests import warm
from tests.journey.streams import stored_changes
from tests.journey.test_pipeline import RUN, VERSION, as_dict, outputs
from tests.world import Change, World, around

KILLS = 20
FAILED_ATTEMPTS = 2
LIFE_SECONDS = 20.0


@dataclass
class Scene:
    """A run, the service that is to carry it, and what the world had seen of it when the service last died."""

    world: World
    service: ServiceProcess
    database: str
    run: pb.WorkflowRun = field(default_factory=pb.WorkflowRun)
    seen: frozenset[Hashable] = frozenset()

    def changes(self) -> list[Change]:
        return [change for change in self.world.changes if change.stream == self.run.id]

    def new_change(self) -> bool:
        return any(change.sequence not in self.seen for change in self.changes())

    def new_call(self) -> bool:
        return any(call.idempotency_key not in self.seen for call in self.world.siblings.calls)

    async def look(self) -> None:
        """From now on all that there was until now is old."""
        await self.world.bus.flush()
        told = {change.sequence for change in self.changes()}
        self.seen = frozenset(told | {call.idempotency_key for call in self.world.siblings.calls})


@pytest.fixture
def script(script: Script) -> Script:
    return replace(script, approvals={"*": Ruling("APPROVED", reason="go", delay_seconds=0.05)})


@pytest.fixture
async def scene(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[Scene]:
    async with SimulatedSiblings(script, own_nats.url) as siblings:
        environment = {
            "AUTH": "off",
            "DATABASE_URL": database,
            "NATS_URL": own_nats.url,
            "LEASE_SECONDS": "1",
            **{f"{name.upper()}_ADDRESS": address for name, address in siblings.addresses.items()},
        }
        async with warm.service(environment) as service, around(siblings, own_nats.url, service.grpc) as world:
            yield Scene(world, service, database)


async def test_killed_twenty_times_the_run_completes_and_nothing_happens_twice(scene: Scene) -> None:
    world = scene.world
    scene.run = await start_failing_at_first(world)
    customer = asyncio.create_task(reply_when_awaited(world, scene.run.id))
    await scene.look()
    kills = Counter([await kill_at_something_new(scene) for _ in range(KILLS)])
    told = await world.until_told(scene.run.id, "run.completed")
    await customer
    await scene.service.wait_ready()

    ended = await world.run(scene.run.id)
    assert [pb.StepRunState.Name(step.state) for step in ended.steps] == ["STEP_RUN_STATE_COMPLETED"] * 8
    assert ended.steps[0].retry_count == FAILED_ATTEMPTS
    assert ended.total_cost_usd == pytest.approx(0.034 * (1 + FAILED_ATTEMPTS) + 0.021 + 0.01)
    check_objectives(world, ended)
    check_calls(world)
    numbers = list(range(1, told[-1].sequence + 1))
    assert await sequences_in_database(scene) == numbers
    kept = await stored_changes(world.bus, ended.id)
    assert [change.sequence for change in kept] == numbers
    check_repetitions(kept, scene.changes())
    assert min(kills["change"], kills["call"]) >= KILLS // 5, f"the kills were to come at changes and at calls: {kills}"


async def start_failing_at_first(world: World) -> pb.WorkflowRun:
    """The pipeline on a big deal; the first agent fails twice and is asked again a second later."""
    version, work = pb.WorkflowVersion(), outputs(85000)
    version.CopyFrom(VERSION)
    version.steps[0].retry_policy.backoff_seconds = 1
    failing = {"company.research": replace(work["company.research"], failures=FAILED_ATTEMPTS)}
    world.siblings.script.work.update(work | failing)
    published = await world.publish(version)
    return await world.start(published.definition.id, as_dict(RUN)["input_payload"])


async def reply_when_awaited(world: World, run_id: str) -> None:
    """The customer answers once the run has said that it waits for that."""
    async with world.heard:
        await world.heard.wait_for(lambda: any(awaits_reply(change, run_id) for change in world.changes))
    await world.say("siphon.tap.gmail.message.received", {"from": "dana.reyes@northwind.example"})


def awaits_reply(change: Change, run_id: str) -> bool:
    waiting = change.stream == run_id and change.type == "workflows.changes.step.waiting"
    return waiting and change.body["step"]["step_id"] == "wait-for-reply"


# --- the faults --------------------------------------------------------------------------------------------------


async def kill_at_something_new(scene: Scene) -> str:
    """Kills the service at the first new change or call, launches it again, and gives what it was killed at."""
    watches = asyncio.create_task(until_change(scene)), asyncio.create_task(until_call(scene))
    done, pending = await asyncio.wait(watches, timeout=LIFE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    scene.service.kill()
    for task in pending:
        task.cancel()
    assert done, f"nothing new in {LIFE_SECONDS} s: {scene.service.log.read_text()}"
    await scene.look()
    scene.service.launch()
    return done.pop().result()


async def until_change(scene: Scene) -> str:
    async with scene.world.heard:
        await scene.world.heard.wait_for(scene.new_change)
    return "change"


async def until_call(scene: Scene) -> str:
    await scene.world.siblings.until(scene.new_call)
    return "call"


# --- what must hold ----------------------------------------------------------------------------------------------


def check_objectives(world: World, run: pb.WorkflowRun) -> None:
    """One per attempt, by the marker in the description's last line; the step has the last attempt's."""
    made = {each.description.splitlines()[-1]: each.id for each in world.siblings.objectives.values()}
    assert len(made) == len(world.siblings.objectives) == 3 + FAILED_ATTEMPTS
    for step in (step for step in run.steps if step.objective_id):
        assert made[f"{run.id}/{step.step_id}/{step.retry_count + 1}"] == step.objective_id


def check_calls(world: World) -> None:
    """What is asked again is the same bytes under the same key, and nothing was done twice."""
    keys, requests = defaultdict[Hashable, set[str]](set), defaultdict[Hashable, set[bytes]](set)
    effects = [call for call in world.siblings.calls if call.idempotency_key]  # look-ups carry none
    for call in effects:
        keys[call.method, call.request].add(call.idempotency_key)
        requests[call.method, call.idempotency_key].add(call.request)
    assert max(map(len, keys.values())) == max(map(len, requests.values())) == 1
    searches = sum(call.method == "objectives.Query" for call in world.siblings.calls)
    assert len(effects) + searches > len(requests), "no call was cut off by a kill"
    assert len(world.siblings.approvals) == len(world.siblings.notifications) == len(world.siblings.delegations) == 1


def check_repetitions(kept: Sequence[Change], heard: Sequence[Change]) -> None:
    """What was published twice is the same event, and what was heard first came in order."""
    bodies = {change.headers["ce-id"]: change.body for change in kept}
    assert all(bodies[change.headers["ce-id"]] == change.body for change in heard)
    assert list(dict.fromkeys(change.sequence for change in heard)) == [change.sequence for change in kept]


async def sequences_in_database(scene: Scene) -> list[int]:
    async with await psycopg.AsyncConnection.connect(scene.database) as connection:
        rows = await connection.execute("select sequence from changes where stream_id = %s order by 1", [scene.run.id])
        return [sequence for (sequence,) in await rows.fetchall()]
