"""Where commands race: some replicas of the engine over one store, without their loops, so that only the race moves.

The same race runs in two arenas: the simulated one, where the seed decides every interleaving, and one over the real
PostgreSQL with the real asyncio (`postgres_arena`). Siblings answer at once and then do nothing by themselves, and time
passes only when `later` says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from random import Random
from typing import Any, Protocol

from service.domain.bus_event import BusEvent
from service.domain.commands import Command, Envelope, StartRun
from service.domain.decision import Ignored
from service.domain.definition import TriggerType, Version
from service.domain.errors import Kind, Refusal
from service.domain.plan import Patience
from service.domain.start_keys import StartKey
from service.domain.state import Run
from service.engine.engine import Engine
from tests.simulation.replica import LEASE
from tests.simulation.siblings import WORKSPACE
from tests.simulation.world import World, play

PATIENT = Patience(1_000_000)
REPLICAS = 3
CONTENDED = "contended"

Contender = Callable[[Engine, str], Awaitable[object]]
"""Does one thing to a run at one replica; gives the verdict."""


class Arena(Protocol):
    engines: Sequence[Engine]
    random: Random

    async def publish(self, version: Version) -> Version:
        """Under the version's definition id as its name."""
        ...

    async def later(self, seconds: float) -> None: ...

    async def load(self, run_id: str) -> Run: ...

    async def settle(self) -> None:
        """Returns when nothing goes on any more."""
        ...

    def run_id(self) -> str: ...


Prepare = Callable[[Arena], Awaitable[str]]
"""Brings a run into the state where the race begins; gives its id."""


@dataclass(frozen=True, slots=True)
class Raced:
    """The run after the race, and what each contender was told, in the order in which they were named."""

    run: Run
    answers: tuple[str, ...]

    @property
    def shape(self) -> tuple[object, ...]:
        """All that may differ between two ways to run the race, apart from times."""
        steps = tuple((key, step.state.value, step.attempt, step.error_reason) for key, step in self.run.steps.items())
        return self.run.state.value, self.run.failure_reason, steps, tuple(sorted(self.run.pauses)), self.answers


# --- what contenders do ----------------------------------------------------------------------------------------------


def says(command: Command, actor: str = "user:ann", key: str = "") -> Contender:
    """Under a key it counts once. Whoever is told that the run moves too fast says it again."""

    async def submit(engine: Engine, run_id: str) -> object:
        envelope = Envelope(command, actor, f"rpc:{key or actor}", guarded=bool(key), digest=repr(command).encode())
        while (answer := await _asked(engine, run_id, envelope)) == CONTENDED:
            continue
        return answer

    return submit


async def _asked(engine: Engine, run_id: str, envelope: Envelope) -> object:
    try:
        return (await engine.advance.submit(run_id, envelope)).verdict
    except Refusal as refusal:
        return CONTENDED if refusal.kind is Kind.ABORTED else refusal


def happens(event: BusEvent) -> Contender:
    """In each race it is another event of its kind."""

    async def accept(engine: Engine, run_id: str) -> object:
        assert not await engine.router.accept([replace(event, id=f"{event.id}/{run_id}")])
        return "taken"

    return accept


def told(answer: object) -> str:
    """A verdict without what may differ between two ways to run a race."""
    match answer:
        case Refusal():
            return answer.reason
        case Ignored(reason):
            return reason
        case _:
            return answer if isinstance(answer, str) else type(answer).__name__


# --- the race --------------------------------------------------------------------------------------------------------


async def begin(arena: Arena, version: Version, payload: Mapping[str, Any] | None = None) -> str:
    """Starts a run at the first replica."""
    published = await arena.publish(version)
    advance = arena.engines[0].advance
    plan = await advance.plans.get(published.definition_id, published.version)
    command = StartRun(arena.run_id(), TriggerType.MANUAL, payload or {})
    key = StartKey(WORKSPACE, "rpc:user:ann", command.run_id, b"body")
    reply = await advance.start(key, plan, Envelope(command, "user:ann", "rpc:start"))
    await arena.settle()
    return reply.run.id


async def do(arena: Arena, run_id: str, *commands: Command) -> None:
    """One after the other, at any replica; each must be accepted."""
    for command in commands:
        answer = await says(command)(arena.random.choice(arena.engines), run_id)
        assert told(answer) == "Accepted", answer
        await arena.settle()


async def contend(arena: Arena, prepare: Prepare, contenders: Sequence[Contender], *, at_once: bool = True) -> Raced:
    """At once, or one after the other for comparison; each at a replica that the seed picks."""
    run_id = await prepare(arena)
    deeds = [contender(arena.random.choice(arena.engines), run_id) for contender in contenders]
    answers = await asyncio.gather(*deeds) if at_once else [await _alone(arena, deed) for deed in deeds]
    await arena.settle()
    return Raced(await arena.load(run_id), tuple(told(answer) for answer in answers))


async def _alone(arena: Arena, deed: Awaitable[object]) -> object:
    answer = await deed
    await arena.settle()
    return answer


def race(seed: int, prepare: Prepare, contenders: Sequence[Contender], *, at_once: bool = True) -> Raced:
    """In the simulated arena; every commit is watched. Raises what broke, with the seed in its notes."""
    world = World(seed, patience=PATIENT)
    found: list[Raced] = []

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        found.append(await contend(arena, prepare, contenders, at_once=at_once))

    play(world, main())
    return found[0]


def serially(prepare: Prepare, contenders: Sequence[Contender]) -> set[tuple[object, ...]]:
    """What may come of them: the shapes of every order in which one follows the other."""
    return {_in_order(prepare, contenders, order) for order in permutations(range(len(contenders)))}


def _in_order(prepare: Prepare, contenders: Sequence[Contender], order: Sequence[int]) -> tuple[object, ...]:
    raced = race(0, prepare, [contenders[place] for place in order], at_once=False)
    answers = tuple(raced.answers[order.index(place)] for place in range(len(contenders)))
    return replace(raced, answers=answers).shape


async def drain(engines: Sequence[Engine]) -> None:
    await asyncio.gather(*(engine.drain() for engine in engines))


class SimulatedArena:
    def __init__(self, world: World) -> None:
        self._world = world
        self.random: Random = world.random
        world.office.later = lambda deed, about: None
        self.engines: Sequence[Engine] = [world.replica().engine for _ in range(REPLICAS)]

    async def open(self) -> None:
        await asyncio.gather(*(replica.open() for replica in self._world.replicas))

    async def publish(self, version: Version) -> Version:
        self._world.tables.publish(version)
        return version

    async def later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def load(self, run_id: str) -> Run:
        return self._world.tables.runs[run_id]

    async def settle(self) -> None:
        """Also when nothing is owed any more: what lost its own race is claimed again after its lease."""
        await drain(self.engines)
        while any(row.due_at <= self._world.tables.now() for row in self._world.tables.effects.values()):
            await self.later(LEASE.seconds)
            dispatcher, leased_at = self.engines[0].dispatcher, self.engines[0].clock.monotonic()
            dispatcher.perform(self._world.tables.claim_effects(100, LEASE.seconds), leased_at)
            await drain(self.engines)

    def run_id(self) -> str:
        return self._world.ids.run()
