"""What the path costs: at most two database round trips a command, one commit for a chain of branches."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from service.domain.answers import Answer, Fault, FaultKind
from service.domain.calls import SiblingCall
from service.domain.commands import (
    CancelRun,
    CompensateRun,
    ControlCommand,
    Envelope,
    PauseRun,
    ResumeRun,
    RetryStep,
    SkipStep,
    StartRun,
    TransitionStep,
)
from service.domain.decision import Repeated
from service.domain.definition import StepType, TriggerType, Version
from service.domain.errors import Kind, Refusal
from service.domain.ids import Ids
from service.domain.plan import Plan
from service.domain.start_keys import StartKey
from service.domain.state import Run, StepState
from service.engine.engine import Engine, Ports
from service.engine.mailbox import Reply
from service.engine.ports.outbox import Unpublished
from service.engine.ports.siblings import Errand
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from tests.builders import chain, edges, step, version
from tests.counting import CountingPool


class Nobody:
    """Siblings and bus of a test that needs neither."""

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        return b"asked"

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        return Fault(FaultKind.TRANSPORT, "unavailable", "nobody")

    async def publish(self, change: Unpublished) -> None:
        raise AssertionError("nothing is published here")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[CountingPool]:
    pool = CountingPool(database, ENGINE, 4)
    await pool.open()
    yield pool
    await pool.close()


class Bench:
    """An engine without loops on a real database, and a plan that needs no publishing."""

    def __init__(self, pool: CountingPool) -> None:
        definitions = Definitions(pool, Reads(pool), Ids(lambda: "1"))
        changes, triggers = ChangeOutbox(pool), Triggers(pool)
        ports = Ports(Runs(pool), WorkQueue(pool), Inbox(pool), definitions, changes, Nobody(), Nobody(), triggers)
        self.pool = pool
        self.engine = Engine(ports, "tests", Ids(lambda: "1"))

    async def start(self, drawn: Version, payload: Mapping[str, object] | None = None) -> Run:
        await self.engine.open()
        plan = Plan.of(drawn)
        self.engine.plans._kept[(drawn.definition_id, drawn.version, 0)] = plan
        command = StartRun("wfr_1", TriggerType.MANUAL, payload or {})
        key = StartKey("ws_1", "once", "wfr_1", b"")
        return (await self.engine.advance.start(key, plan, Envelope(command, "user:ann", "rpc:1"))).run

    async def complete(self, step_id: str) -> Reply:
        command = TransitionStep(step_id, StepState.COMPLETED, output_payload={"v": 1})
        return await self.engine.advance.submit("wfr_1", Envelope(command, "user:ann", "rpc:2"))

    def forget(self) -> None:
        """As if another replica had to go on."""
        self.engine.advance.recent.forget("wfr_1")


@pytest.fixture
def bench(pool: CountingPool) -> Bench:
    return Bench(pool)


async def test_completing_a_step_is_one_trip_with_the_run_at_hand_and_two_without(bench: Bench) -> None:
    await bench.start(chain(3))
    bench.pool.count()
    await bench.complete("s0")
    assert bench.pool.count() == (1, 1)
    bench.forget()
    reply = await bench.complete("s1")
    assert bench.pool.count() == (2, 1)
    assert reply.run.steps["s2"].state is StepState.WAITING


async def test_starting_a_run_is_one_trip(bench: Bench) -> None:
    await bench.engine.open()
    bench.pool.count()
    await bench.start(chain(3))
    assert bench.pool.count() == (2, 1)  # one of them reads the clock, once per process


async def test_a_chain_of_five_branches_is_one_commit(bench: Bench) -> None:
    branches = [step(f"b{number}", StepType.BRANCH) for number in range(5)]
    drawn = version([step("s"), *branches, step("e")], edges("s>b0", "b0>b1", "b1>b2", "b2>b3", "b3>b4", "b4>e"))
    await bench.start(drawn)
    bench.pool.count()
    reply = await bench.complete("s")
    assert bench.pool.count() == (1, 1)
    assert reply.run.steps["e"].state is StepState.WAITING


async def test_a_run_that_another_replica_moved_is_decided_again_on_a_fresh_load(
    bench: Bench, pool: CountingPool
) -> None:
    await bench.start(version([step("s0"), step("s1"), step("s2")], edges("s0>s2", "s1>s2")))
    other = Bench(pool)
    other.engine.plans._kept.update(bench.engine.plans._kept)
    await other.engine.open()
    await other.complete("s0")
    pool.count()
    reply = await bench.complete("s1")
    assert pool.count() == (3, 2)  # missed, loaded, written
    assert reply.run.steps["s2"].state is StepState.WAITING
    assert bench.engine.advance.counters["fence_missed"] == 1


async def test_a_refusal_rests_on_a_fresh_load_and_writes_nothing(bench: Bench) -> None:
    await bench.start(chain(2))
    bench.pool.count()
    with pytest.raises(Refusal, match="waits for s0"):
        await bench.complete("s1")
    assert bench.pool.count() == (1, 0)


async def test_a_repetition_is_known_as_one_also_when_it_is_folded_with_something_new(bench: Bench) -> None:
    await bench.start(version([step("s0"), step("s1"), step("s2")], edges("s0>s2")))
    again = Envelope(SkipStep("s2", "not needed"), "user:ann", "rpc:key", guarded=True)
    first = await bench.engine.advance.submit("wfr_1", again)
    _, second = await asyncio.gather(bench.complete("s1"), bench.engine.advance.submit("wfr_1", again))
    assert second.verdict == Repeated(first.run.sequence)
    assert second.run.steps["s1"].state is StepState.WAITING


@pytest.mark.parametrize(
    "command",
    [PauseRun(""), ResumeRun(), CancelRun(""), CompensateRun(""), RetryStep("s0", ""), SkipStep("s0", "")],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("remembered", [True, False])
async def test_a_foreign_run_is_not_there_to_be_controlled(
    bench: Bench, command: ControlCommand, remembered: bool
) -> None:
    before = await bench.start(chain(2))
    if not remembered:
        bench.forget()
    bench.pool.count()
    with pytest.raises(Refusal) as caught:
        await bench.engine.advance.submit("wfr_1", Envelope(command, "user:eve", "rpc:9"), "ws_other")
    assert (caught.value.kind, caught.value.reason) == (Kind.NOT_FOUND, "run_not_found")
    assert bench.pool.count()[1] == 0
    snapshot = await bench.engine.advance.store.load("wfr_1")
    assert snapshot is not None
    assert snapshot.run.sequence == before.sequence
