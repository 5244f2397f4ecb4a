"""The engine in this process on a real database, without gRPC and without its loops: what the path alone costs.

Runs are started and moved through the same door as everybody's commands, `Advance`. Siblings are not needed by the
graphs that are measured here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from service.domain.answers import Fault, FaultKind
from service.domain.calls import SiblingCall
from service.domain.commands import Envelope, StartRun, TransitionStep
from service.domain.definition import TriggerType, Version
from service.domain.plan import Plan
from service.domain.start_keys import StartKey
from service.domain.state import Run, StepState
from service.engine.engine import Engine, Ports
from service.engine.ports.outbox import Publisher, Unpublished
from service.engine.ports.siblings import Errand
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from service.wiring.ids import IDS
from tests.bench import graphs
from tests.counting import CountingPool

POOL = 8
ACTOR = "user:bench"


class Nobody:
    """Siblings and bus where neither is needed."""

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        raise ValueError("nobody is here")

    async def perform(self, errand: Errand, timeout_seconds: float) -> Fault:
        return Fault(FaultKind.REJECTED, "nobody", "nobody is here")

    async def publish(self, change: Unpublished) -> None:
        raise AssertionError("the relay does not run here")


@dataclass(frozen=True, slots=True)
class Inside:
    pool: CountingPool
    engine: Engine

    async def start(self, version: Version, payload: dict[str, str]) -> Run:
        plan = await self.engine.plans.get(version.definition_id, version.version)
        return await self._start(plan, version, payload)

    async def _start(self, plan: Plan, version: Version, payload: dict[str, str]) -> Run:
        command = StartRun(IDS.run(), TriggerType.MANUAL, payload)
        key = StartKey(version.workspace_id, "once", command.run_id, b"")
        return (await self.engine.advance.start(key, plan, Envelope(command, ACTOR, f"once/{key.key}"))).run

    async def complete(self, run: Run, step_id: str, payload: dict[str, str]) -> Run:
        command = TransitionStep(step_id, StepState.COMPLETED, output_payload=payload)
        return (await self.engine.advance.submit(run.id, Envelope(command, ACTOR, f"rpc:{uuid7()}"))).run

    async def finish(self, run: Run, number: int) -> None:
        """Completes every step, one after the other."""
        for step_id in run.steps:
            await self.complete(run, step_id, graphs.payload(number))


@asynccontextmanager
async def inside(dsn: str, publisher: Publisher | None = None) -> AsyncIterator[Inside]:
    nobody: Any = Nobody()
    pool = CountingPool(dsn, ENGINE, POOL)
    await pool.open()
    try:
        definitions, changes = Definitions(pool, Reads(pool), IDS), ChangeOutbox(pool)
        runs, inbox, bus = Runs(pool), Inbox(pool), publisher or nobody
        ports = Ports(runs, WorkQueue(pool), inbox, definitions, changes, nobody, bus, Triggers(pool))
        engine = Engine(ports, "bench", IDS)
        await engine.open()
        yield Inside(pool, engine)
    finally:
        await pool.close()
