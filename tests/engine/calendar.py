"""Replicas of the service without loops on one database with a clock that a test moves, and schedules in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

import psycopg

from service.domain.answers import Answer, Fault, FaultKind
from service.domain.calls import SiblingCall
from service.domain.commands import Envelope, TransitionStep
from service.domain.definition import Trigger, TriggerType
from service.domain.schedule import Schedule, SchedulePolicyChange
from service.domain.state import StepState
from service.edge.schedules.calls import EngineSchedules
from service.engine.engine import Engine, Ports
from service.engine.ports.outbox import Unpublished
from service.engine.ports.siblings import Errand
from service.engine.scheduler import Scheduler
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.store.runs import Runs
from service.store.schedules import ScheduleReads, Schedules
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from service.wiring.ids import IDS
from tests.builders import chain
from tests.moved import MovedClock, moved

_names = count(1)


class Nobody:
    """Siblings and bus of a test that needs neither."""

    def encode(self, call: SiblingCall, workspace_id: str, run_id: str) -> bytes:
        return b"asked"

    async def perform(self, errand: Errand, timeout_seconds: float) -> Answer | Fault:
        return Fault(FaultKind.TRANSPORT, "unavailable", "nobody")

    async def publish(self, change: Unpublished) -> None:
        raise AssertionError("nothing is published here")


@dataclass
class Replica:
    engine: Engine
    scheduler: Scheduler


@dataclass
class Calendar:
    clock: MovedClock
    replicas: list[Replica]
    pool: Pool
    reading: Pool
    owner: psycopg.AsyncConnection[tuple[Any, ...]]

    def __post_init__(self) -> None:
        self.definitions = Definitions(self.pool, Reads(self.reading), IDS)
        self.schedules = Schedules(self.pool)
        self.book = EngineSchedules(self.schedules, ScheduleReads(self.reading), self.replicas[0].scheduler)

    async def publish(self, cron: str | None, definition_id: str = "", **policy: Any) -> str:
        """A version with that schedule, or with none; gives the definition's id."""
        if not definition_id:
            made = await self.definitions.create("ws_1", f"definition {next(_names)}", "", [], "user:ann", None)
            definition_id = made.value.id
        trigger = Trigger(TriggerType.SCHEDULE, cron_expr=cron) if cron else None
        draft = replace(chain(1), definition_id=definition_id, trigger=trigger)
        await self.definitions.publish(draft, None, "user:ann", None)
        if policy:
            await self.schedules.set_policy(definition_id, SchedulePolicyChange(**policy), None, None)
        return definition_id

    async def at(self, now: datetime) -> None:
        """The clock shows this; every replica moves schedules on until none has more to do."""
        await self.clock.set(now)
        while any(await asyncio.gather(*(replica.scheduler.move_on() for replica in self.replicas))):
            pass

    async def enable(self, definition_id: str, enabled: bool) -> None:
        await self.owner.execute("update workflow_definitions set enabled = %s where id = %s", (enabled, definition_id))

    async def end(self, run_id: str) -> None:
        """Completes the run."""
        command = TransitionStep("s0", StepState.COMPLETED)
        await self.replicas[0].engine.advance.submit(run_id, Envelope(command, "user:ann", "rpc:end"))

    async def schedule(self, definition_id: str) -> Schedule:
        return await self.book.get(definition_id, None)

    async def ticked(self, definition_id: str) -> list[str]:
        """What runs were started for, in order of the ticks."""
        return [event for event, _ in await self.runs(definition_id)]

    async def runs(self, definition_id: str) -> list[tuple[str, str]]:
        """The minute of each run's tick, and the run."""
        cursor = await self.owner.execute(
            "select substr(trigger_event_id, length('tick:' || definition_id || ':') + 1), id"
            "  from workflow_runs where definition_id = %s order by 1, 2",
            (definition_id,),
        )
        return await cursor.fetchall()

    async def newest(self) -> str:
        """The minute of the newest tick that a run was started for."""
        cursor = await self.owner.execute("select coalesce(max(key), '') from start_keys")
        [(minute,)] = await cursor.fetchall()
        return str(minute)

    async def states(self, definition_id: str) -> list[str]:
        """Of its runs, in order of the ticks."""
        cursor = await self.owner.execute(
            "select state from workflow_runs where definition_id = %s order by trigger_event_id", (definition_id,)
        )
        return [state for (state,) in await cursor.fetchall()]


@asynccontextmanager
async def calendar(dsn: str, now: datetime, replicas: int = 1) -> AsyncIterator[Calendar]:
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(moved(dsn, now))
        owner = await stack.enter_async_context(await psycopg.AsyncConnection.connect(dsn, autocommit=True))
        reading, *pools = Pool(dsn, READER, 1), *(Pool(dsn, ENGINE, 2) for _ in range(replicas))
        for pool in (reading, *pools):
            stack.push_async_callback(pool.close)
            await pool.open()
        yield Calendar(clock, [await _replica(pool) for pool in pools], pools[0], reading, owner)


async def _replica(pool: Pool) -> Replica:
    definitions = Definitions(pool, Reads(pool), IDS)
    inbox, outbox = Inbox(pool), ChangeOutbox(pool)
    ports = Ports(Runs(pool), WorkQueue(pool), inbox, definitions, outbox, Nobody(), Nobody(), Triggers(pool))
    engine = Engine(ports, "tests", IDS)
    await engine.open()
    return Replica(engine, Scheduler(engine.advance, Schedules(pool), definitions, IDS))
