"""A trial: replicas as processes around one database, one bus and the simulated siblings, and somebody who starts runs.

Owns the replicas and what is known of them: `faults` counts what struck, `defences` what replicas said of themselves
before they died. Runs are started as a careful caller does it: under a key, and again elsewhere when nobody answers.
Runs and changes are looked at in the database, again and again: what would tell us of them is what is being killed.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, LiteralString

import grpc
import psycopg
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.dev.nats import EmbeddedNats
from service.dev.service_process import ServiceProcess
from service.dev.siblings.script import Script
from service.dev.siblings.simulation import SimulatedSiblings
from tests import warm
from tests.observing.scrape import Scrape, scrape
from tests.promises import scale
from tests.promises.load import payload
from tests.world import World, around, struct

LEASE_SECONDS = f"{scale(6, 2)}"
"""A third of it is what a call may take: on a machine that others load, too, it must be answered in that time."""
LOOK_SECONDS = 0.05
CALL_SECONDS = 2.0
AT_ONCE = 16
BUSY_LOOKS = 20
ENDED = "select count(*) from workflow_runs where completed_at is not null"
DRAINED = "select (not exists (select from changes where published_at is null))::int"
UNFINISHED = """
select s.run_id, s.step_id, s.state, s.attempt, now() - s.started_at, s.objective_id, s.approval_request_id,
       s.alarms::text, e.kind, e.tries, e.last_error, e.lease_until - now(), e.due_at - now()
  from step_runs s
  left join run_effects e using (run_id, step_id)
 where s.started_at is not null and s.completed_at is null
 limit 10"""
"""What there is to say of runs that do not end."""
PATIENCE_SECONDS = 60.0
TRIAL_SECONDS = scale(120, 3600)
"""After this faults are no longer made: the runs will not end any more."""
_IMPATIENT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500))
_NOBODY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass
class Trial:
    world: World
    bus: EmbeddedNats
    dsn: str
    replicas: Sequence[ServiceProcess]
    stubs: Sequence[WorkflowServiceStub]
    runs: list[str] = field(default_factory=list)
    """Those whose start was answered."""
    faults: Counter[str] = field(default_factory=Counter)
    defences: Counter[str] = field(default_factory=Counter)
    _turns: Any = field(default_factory=count)

    # --- starting

    async def publish(self, versions: Iterable[pb.PublishVersionRequest]) -> list[str]:
        """Gives the ids of their definitions."""
        return [(await self.world.publish(version)).definition.id for version in versions]

    async def start_many(self, definitions: Sequence[str], many: int) -> None:
        """So many runs, of one definition after the other."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                self.runs.append(await self.start(definitions[number % len(definitions)], number))

        await asyncio.gather(*(one(number) for number in range(many)))

    async def start(self, definition_id: str, number: int) -> str:
        """Asks one replica after the other, under one key, until one answers; gives the run's id."""
        key = (("idempotency-key", f"{definition_id}/{number}"),)
        request = pb.StartRunRequest(definition_id=definition_id, input_payload=struct(payload(number)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                stub = self.stubs[next(self._turns) % len(self.stubs)]
                try:
                    answer: pb.StartRunResponse = await stub.StartRun(request, metadata=key, timeout=CALL_SECONDS)
                    return answer.run.id
                except grpc.aio.AioRpcError as error:
                    if error.code() not in _NOBODY:
                        raise
                    self.faults["asked again"] += 1
                    await asyncio.sleep(LOOK_SECONDS)

    # --- looking

    async def ask(self, query: LiteralString, *params: object) -> list[tuple[Any, ...]]:
        """Raises psycopg.OperationalError while there is no database."""
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as eye:
            return await (await eye.execute(query, params)).fetchall()

    async def counted(self, query: LiteralString, *params: object) -> int:
        [(found,)] = await self.ask(query, *params)
        return int(found)

    async def until(self, query: LiteralString, least: int, *params: object, seconds: float = PATIENCE_SECONDS) -> None:
        """Until the query counts at least so many; a database that is away is waited for."""
        found = -1
        try:
            async with asyncio.timeout(seconds):
                while found < least:
                    try:
                        found = await self.counted(query, *params)
                    except psycopg.OperationalError:
                        self.faults["no database to look at"] += 1
                    await asyncio.sleep(LOOK_SECONDS * (found < least))
        except TimeoutError:
            wanted = f"{found}, not {least} within {seconds:.0f} s: {' '.join(query.split())}"
            raise AssertionError(f"{wanted}; unfinished: {await self.ask(UNFINISHED)}") from None

    async def until_drained(self) -> None:
        """Until the bus has acknowledged every change."""
        await self.until(DRAINED, 1)

    # --- faults

    async def busy(self, dice: Random) -> ServiceProcess:
        """One that has effects in hand; any one when for a while nobody has."""
        order = dice.sample(self.replicas, len(self.replicas))
        for _ in range(BUSY_LOOKS):
            for replica in order:
                if (seen := await self._scraped(replica)) and seen.value("workflows_effects_in_hand") > 0:
                    return replica
            await asyncio.sleep(LOOK_SECONDS)
        return order[0]

    async def kill(self, replica: ServiceProcess) -> None:
        """Kills it with work in hand, and launches it again."""
        await self.kill_noted(replica, await self.note(replica))

    async def kill_noted(self, replica: ServiceProcess, seen: Scrape | None) -> None:
        """Kills one that has said of itself what was to be noted, at once."""
        replica.kill()
        self.faults["killed"] += 1
        self.faults["effects in dead hands"] += seen is not None and seen.value("workflows_effects_in_hand") > 0
        self.faults["changes in dead hands"] += bool(
            await self.counted("select count(*) from changes where published_at is null limit 1")
        )
        replica.launch()

    async def freeze(self, replica: ServiceProcess, seconds: float) -> None:
        os.kill(replica.pid, signal.SIGSTOP)
        self.faults["frozen"] += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(replica.pid, signal.SIGCONT)

    # --- defences

    async def note(self, replica: ServiceProcess) -> Scrape | None:
        """Adds up what a replica says of itself before it goes."""
        if (seen := await self._scraped(replica)) is not None:
            for family in seen.families.values():
                if family.type == "counter":
                    self.defences[family.name] += int(seen.value(f"{family.name}_total"))
        return seen

    async def _scraped(self, replica: ServiceProcess) -> Scrape | None:
        """One that is not up yet says nothing."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await scrape(replica.http)
        except (OSError, TimeoutError, IndexError, ValueError):
            return None

    async def note_all(self) -> None:
        for replica in self.replicas:
            await self.note(replica)


def settings(dsn: str, bus: EmbeddedNats, siblings: SimulatedSiblings, **more: str) -> dict[str, str]:
    """What a replica reads; objectives and approvals that fell silent are asked about soon."""
    addresses = {f"{name.upper()}_ADDRESS": address for name, address in siblings.addresses.items()}
    return {
        "DATABASE_URL": dsn,
        "NATS_URL": bus.url,
        "LOG_LEVEL": "WARNING",
        "AUTH": "off",
        "QUIET_SECONDS": "2",
        **addresses,
        **more,
    }


@asynccontextmanager
async def trial(dsn: str, script: Script, replicas: int, more: Mapping[str, str] | None = None) -> AsyncIterator[Trial]:
    """The database must be migrated; `more` are settings of the replicas."""
    async with AsyncExitStack() as stack:
        bus = stack.enter_context(EmbeddedNats())
        siblings = await stack.enter_async_context(SimulatedSiblings(script, bus.url))
        told = settings(dsn, bus, siblings, **(more or {}))
        serving = [warm.service({**told, "REPLICA_NAME": f"replica-{number}"}) for number in range(replicas)]
        await asyncio.gather(*(stack.enter_async_context(replica) for replica in serving))
        channels = [grpc.aio.insecure_channel(replica.grpc, options=_IMPATIENT) for replica in serving]
        for channel in channels:
            stack.push_async_callback(channel.close)
        world = await stack.enter_async_context(around(siblings, bus.url, serving[0].grpc))
        yield Trial(world, bus, dsn, serving, [WorkflowServiceStub(channel) for channel in channels])
