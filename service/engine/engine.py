"""The engine as one thing: the path and the loops around it, tied together over the ports.

It is also what follows a commit: work that was stored is handed to the dispatcher, opened waits to the router, and the
relay gets a hint. `run` owns the loops that every run needs; `stop` lets the rounds in hand finish,
`drain` what they started. The schedules' and the purges' loops work over it and are run beside it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.decision import Wait
from service.domain.ids import Ids
from service.domain.plan import PATIENCE, Patience
from service.engine.advance import Advance
from service.engine.clock import DatabaseClock
from service.engine.crossing import Crossing
from service.engine.dispatcher import Dispatcher
from service.engine.intake import Intake
from service.engine.lease import Lease
from service.engine.loop import Loop
from service.engine.plans import Plans
from service.engine.ports.catalogue import Catalogue
from service.engine.ports.events import EventStore
from service.engine.ports.outbox import Outbox, Publisher
from service.engine.ports.runs import RunStore
from service.engine.ports.siblings import Siblings
from service.engine.ports.triggers import TriggerStore
from service.engine.ports.work import Work, WorkStore
from service.engine.relay import Relay
from service.engine.router import Router
from service.engine.starter import Starter
from service.engine.subjects import NOBODY_IS_ASKED, Subjects
from service.engine.ticker import Ticker
from service.engine.tracing import UNTRACED, Tracer
from service.engine.trees import Trees


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the engine works with."""

    runs: RunStore
    work: WorkStore
    events: EventStore
    catalogue: Catalogue
    outbox: Outbox
    siblings: Siblings
    publisher: Publisher
    triggers: TriggerStore


class Engine:
    def __init__(
        self,
        ports: Ports,
        replica: str,
        ids: Ids,
        lease: Lease | None = None,
        patience: Patience = PATIENCE,
        subjects: Subjects = NOBODY_IS_ASKED,
        tracer: Tracer = UNTRACED,
    ) -> None:
        """`replica` names this process in leases; it must differ between processes."""
        lease = lease or Lease()
        self.clock = DatabaseClock()
        self.subjects = subjects
        self.plans = Plans(ports.runs, patience)
        self.advance = Advance(ports.runs, ports.siblings, self.plans, self.clock, self, lease, tracer)
        crossing = Crossing(self.advance, ports.catalogue, Trees(ports.runs), ids)
        self.dispatcher = Dispatcher(self.advance, ports.work, ports.events, ports.siblings, crossing)
        self.starter = Starter(self.advance, ports.triggers, ports.events, ports.catalogue, subjects, ids)
        self.router = Router(ports.events, self.dispatcher, self.starter, self.clock, tracer)
        self.intake = Intake(ports.runs, ports.events, ports.triggers, self.dispatcher, self.starter, self.clock)
        self.ticker = Ticker(self.advance, ports.work, ports.events, self.router)
        self.relay = Relay(
            ports.outbox,
            ports.publisher,
            replica,
            self.clock.monotonic,
            shard_seconds=lease.shard_seconds,
            tracer=tracer,
        )
        self._runs = ports.runs

    @property
    def loops(self) -> tuple[Loop, ...]:
        return (self.dispatcher.loop, self.starter.loop, self.relay.loop, *self.ticker.loops)

    @property
    def counters(self) -> dict[str, Counter[str]]:
        return {
            "advance": self.advance.counters,
            "dispatcher": self.dispatcher.counters,
            "router": self.router.counters,
            "starter": self.starter.counters,
            "relay": self.relay.counters,
        }

    async def open(self) -> None:
        """Reads the database's clock; nothing can be decided before. Raises StoreUnavailable."""
        self.clock.sync(await self._runs.now())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop.run())
        await self.relay.let_go()

    def stop(self) -> None:
        for loop in self.loops:
            loop.stop()

    async def drain(self) -> None:
        """Returns when nothing is under way: what one part finishes may begin something in another."""
        parts = (self.router.tasks, self.dispatcher.tasks, self.advance.mailbox.tasks)
        while any(parts):
            for tasks in parts:
                await tasks.drain()

    # --- after a commit --------------------------------------------------------------------------------------------

    def owed(self, work: Sequence[Work], leased_at: float) -> None:
        self.dispatcher.perform(work, leased_at)

    def opened(self, run_id: str, workspace_id: str, waits: Sequence[Wait]) -> None:
        self.router.opened(run_id, workspace_id, waits)

    def changed(self) -> None:
        self.relay.loop.wake()
