"""A whole world in one thread: replicas over one store, siblings, a bus, people, and what goes wrong with all of them.

`play(seed)` is one history: random graphs are run under every fault (safety: `watch` looks at each commit), then the
world heals and everything has to come to its end within bounded time (liveness). The same seed gives the same `trace`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any
from unittest.mock import patch

from service.domain.bus_event import BusEvent
from service.domain.commands import Envelope, StartRun
from service.domain.definition import TriggerType, Version
from service.domain.ids import Ids
from service.domain.plan import Patience
from service.domain.start_keys import StartKey
from service.engine import loop as loop_module
from service.engine.ports.failures import StoreUnavailable
from tests.simulation.bus import Bus
from tests.simulation.faults import CALM, Dice, Faults
from tests.simulation.inbox import InboxTables
from tests.simulation.loop import SimulatedLoop
from tests.simulation.replica import LEASE, PATIENCE, Replica
from tests.simulation.siblings import WORKSPACE, Office
from tests.simulation.tables import Commit, Tables
from tests.simulation.watch import Watch

ANSWER_SECONDS = 5.0
"""How long somebody waits for a replica before asking another one."""
LATER_SECONDS = 4.0
"""The longest that an agent or an approver takes."""
SOON_SECONDS = 60.0
"""What is owed later than this (a second look at the meter) is not waited for."""


@dataclass
class World:
    seed: int
    faults: Faults = CALM
    patience: Patience = PATIENCE
    trace: list[str] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = SimulatedLoop(self.seed)
        self.dice = Dice(self.loop, self.faults)
        self.tables = Tables(self.loop.time)
        self.inbox = InboxTables(self.tables, LEASE.grace_seconds)
        self.bus = Bus(self.dice, self._hand_over, self.tell)
        self.office = Office(self.random, self.bus.say, self._later, self.tell)
        self.watch = Watch(self.tables)
        self.tables.watchers += [self._record, self.watch.look]
        self._replicas = 0
        self._runs = 0
        self.ids = Ids(self._number)

    @property
    def random(self) -> Random:
        return self.loop.random

    @property
    def digest(self) -> str:
        return sha256("\n".join(self.trace).encode()).hexdigest()

    def counters(self) -> Counter[str]:
        """Those of the replicas that are alive at the end, as `part.counter`."""
        return Counter(
            {
                f"{part}.{name}": sum(replica.engine.counters[part][name] for replica in self.replicas)
                for replica in self.replicas
                for part, counter in replica.engine.counters.items()
                for name in counter
            }
        )

    def operations(self) -> Counter[str]:
        """What happened to runs and steps, as `aggregate.operation`."""
        changes = (row.event for rows in self.tables.changes.values() for row in rows)
        return Counter(f"{event.aggregate}.{event.operation}" for event in changes)

    def tell(self, *told: object) -> None:
        self.trace.append(f"{self.loop.time():.6f} {' '.join(map(str, told))}")

    # --- replicas --------------------------------------------------------------------------------------------------

    def replica(self) -> Replica:
        """One more, not yet started."""
        self._replicas += 1
        name = f"replica_{self._replicas}"
        made = Replica(name, self.dice, self.tables, self.inbox, self.office, self.bus, self.ids, self.patience)
        self.replicas.append(made)
        return made

    def kill(self, replica: Replica) -> None:
        self.tell("killed", replica.name)
        self.replicas.remove(replica)
        self.loop.freeze(replica.name)

    def pause(self, replica: Replica, seconds: float) -> None:
        self.tell("paused", replica.name)
        self.loop.freeze(replica.name)
        self.loop.call_later(seconds, self.loop.thaw, replica.name)

    def any_replica(self) -> Replica | None:
        return self.random.choice(self.replicas) if self.replicas else None

    async def chaos(self) -> None:
        while not self.dice.healed:
            await asyncio.sleep(1.0)
            for replica in [*self.replicas]:
                if self.dice.hit("crash", self.faults.crash):
                    self.kill(replica)
                    self.loop.call_later(self.dice.between(0.0, LEASE.seconds), self._revive)
                elif self.dice.hit("pause", self.faults.pause):
                    self.pause(replica, self.dice.between(1.0, 3.0) * LEASE.seconds)

    def _revive(self) -> None:
        replica = self.replica()
        replica.do(replica.live())

    # --- runs ------------------------------------------------------------------------------------------------------

    async def start(self, version: Version, key: str, **fields: Any) -> str:
        """Starts a run once, asking again and elsewhere until somebody answers."""
        while True:
            replica = self.any_replica()
            task = replica.do(self._begin(replica, version, key, fields)) if replica else None
            if task is not None:
                await asyncio.wait({task}, timeout=ANSWER_SECONDS)
            if task is not None and task.done() and (run_id := task.result()):
                return run_id
            await asyncio.sleep(0.5)

    async def _begin(self, replica: Replica, version: Version, key: str, fields: dict[str, Any]) -> str:
        """The run's id; empty when the outcome is unknown."""
        try:
            await replica.open()
            plan = await replica.engine.plans.get(version.definition_id, version.version)
            command = StartRun(self.ids.run(), TriggerType.MANUAL, {"pick": 1.0}, **fields)
            start = StartKey(WORKSPACE, "rpc:user:ann", key, b"body")
            reply = await replica.engine.advance.start(start, plan, Envelope(command, "user:ann", f"rpc:{key}"))
        except StoreUnavailable:
            return ""
        return reply.run.id

    async def submit(self, run_id: str, envelope: Envelope) -> None:
        """One try at some replica; nobody knows what became of it when that does not answer."""
        replica = self.any_replica()
        if replica is not None:
            await asyncio.wait({replica.do(replica.submit(run_id, envelope))}, timeout=ANSWER_SECONDS)

    # --- the end ---------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        self.tell("healed")
        self.dice.healed = True

    async def until_quiet(self, seconds: float) -> None:
        """Returns when every run has ended and nothing is owed or untold any more."""
        limit = self.loop.time() + seconds
        while left := self.left():
            assert self.loop.time() < limit, f"still there after {seconds} seconds: {left}"
            await asyncio.sleep(0.5)

    def left(self) -> list[str]:
        """What has still to happen."""
        now = self.tables.now()
        found = [f"{run.id} is {run.state}" for run in self.tables.runs.values() if not run.state.terminal]
        found += [
            f"{row.run_id} owes {row.owed}"
            for row in self.tables.effects.values()
            if (row.free_at - now).total_seconds() < SOON_SECONDS
        ]
        found += [
            f"{stream}.{row.event.sequence} is not published"
            for stream, rows in self.tables.changes.items()
            for row in rows
            if not row.published
        ]
        return found + ["events are under way"] * bool(self.bus.underway)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _record(self, commit: Commit) -> None:
        run = commit.after
        events = [
            f"{event.step.step_id if event.step else 'run'}.{event.operation}" for event in commit.decision.events
        ]
        owed = [effect.id for effect in commit.decision.owed]
        self.tell("commit", run.id, run.version, run.state, run.total_cost_usd, events, owed)

    def _later(self, deed: Callable[[Any], None], about: Any) -> None:
        self.loop.call_later(self.dice.between(0.0, LATER_SECONDS), deed, about)

    def _hand_over(self, event: BusEvent) -> "asyncio.Task[bool] | None":
        replica = self.any_replica()
        return replica.do(replica.accept([event])) if replica else None

    def _number(self) -> str:
        self._runs += 1
        return f"{self._runs:04}"


class Unexpected(logging.Handler):
    """Whoever logs a stack has met something that nobody expected; here that ends the play."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._fail = fail

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._fail(record.exc_info[1])


class Jitter:
    """The loops' waits are drawn by the seed, and are longer at times than the true ones, to make many worlds."""

    def __init__(self, world: World) -> None:
        self.uniform = lambda least, most: world.dice.between(least, most * 8)


@contextmanager
def seeded(world: World) -> Iterator[World]:
    """What has no port of its own: the loops' jitter and the engine's log. Afterwards everything is ended."""
    log = logging.getLogger("service.engine")
    unexpected = Unexpected(world.loop.fail)
    log.addHandler(unexpected)
    log.propagate = False
    try:
        with patch.object(loop_module, "random", Jitter(world)):
            try:
                yield world
            finally:
                world.loop.finish()
    finally:
        log.removeHandler(unexpected)
        log.propagate = True


def play(world: World, main: Coroutine[Any, Any, None]) -> None:
    """Raises what broke, with the seed that breaks it again."""
    with seeded(world):
        try:
            world.loop.play(main)
        except BaseException as error:
            error.add_note(f"seed {world.seed}")
            raise
