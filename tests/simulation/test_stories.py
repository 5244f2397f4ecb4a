"""Short stories of what happens too seldom in histories, or was found in one: seeds change their meaning in time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.domain.commands import CompensateRun, Envelope, RejectTask
from service.domain.definition import StepType
from service.domain.heard import LONGEST_DELAY_SECONDS
from service.domain.state import RunState, StepState
from tests.builders import agent, edges, step, version
from tests.simulation.arena import PATIENT, SimulatedArena, begin, do, happens, says, told
from tests.simulation.faults import Chances, Faults
from tests.simulation.replica import LEASE
from tests.simulation.seeds import each_seed
from tests.simulation.stages import CHILD, EVENT, TASK_THEN_WAIT, done, parent
from tests.simulation.tables import Commit
from tests.simulation.world import World, play


def an_answer_for_a_step_that_came_later(seed: int) -> None:
    """One replica begins the step; another one, which remembers the run without it, takes over its call."""
    world = World(seed, Faults(siblings=Chances(before=1.0)), PATIENT)

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        old, new = arena.engines[:2]
        run_id = await begin(arena, version([step("s0", compensation_step_id="u0"), step("s1"), agent("u0")]))
        arena.engines = [old]
        await do(arena, run_id, done("s0"))
        for command in (RejectTask("s1", 0, "ann", "no"), CompensateRun("undo")):
            assert told(await says(command)(new, run_id)) == "Accepted"
        await new.drain()
        world.heal()
        await arena.later(LONGEST_DELAY_SECONDS)
        await arena.settle()
        assert (await arena.load(run_id)).steps["u0"].objective_id

    play(world, main())


def a_looker_that_died(seed: int) -> None:
    """The event came before the wait, and whoever opened the wait was killed before it could look."""
    world = World(seed, patience=PATIENT)

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        dying, *_, living = world.replicas
        run_id = await begin(arena, TASK_THEN_WAIT)
        await happens(EVENT)(living.engine, run_id)

        def die(commit: Commit) -> None:
            if commit.after.steps["s1"].state is StepState.WAITING:
                world.loop.freeze(dying.name)

        world.tables.watchers.append(die)
        dying.do(dying.submit(run_id, Envelope(done("s0"), "user:ann", "rpc:1")))
        living.do(living.live())
        await world.until_quiet(60.0)
        assert world.tables.runs[run_id].state is RunState.COMPLETED

    play(world, main())


def a_child_that_never_began(seed: int) -> None:
    """A PARALLEL begins, and in the same commit another step fails, before the walk comes to the child."""
    world = World(seed, patience=PATIENT)
    steps = [step("all", StepType.PARALLEL), step("pick", StepType.BRANCH), step("child"), step("never")]

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        run_id = await begin(arena, version(steps, edges("all>child", "pick>never if 1 > 2")))
        run = await arena.load(run_id)
        assert (run.state, run.failure_reason) == (RunState.FAILED, "no_branch_matched")
        assert run.steps["all"].state is StepState.CANCELLED

    play(world, main())


def a_commit_that_is_heard_of_after_its_lease(seed: int) -> None:
    """Whoever stored the call was paused before it heard so; meanwhile another one has made it."""
    world = World(seed, patience=PATIENT)
    drawn = version([step("s0"), step("s1", StepType.NOTIFICATION)], edges("s0>s1"))

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        paused, *_, living = world.replicas
        run_id = await begin(arena, drawn)

        def pause(commit: Commit) -> None:
            if commit.after.steps["s1"].state is StepState.RUNNING:
                world.pause(paused, 3 * LEASE.seconds)

        world.tables.watchers.append(pause)
        paused.do(paused.submit(run_id, Envelope(done("s0"), "user:ann", "rpc:1")))
        living.do(living.live())
        await world.until_quiet(60.0)
        await arena.later(4 * LEASE.seconds)
        assert paused.engine.dispatcher.counters["lease_too_low"] == 1
        assert world.office.calls[f"{run_id}/s1/1/SendNotification"] == 1

    play(world, main())


def a_child_that_ends(seed: int) -> None:
    """Its parent goes on with what it brings."""
    world = World(seed, patience=PATIENT)

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        run_id = await parent(late=False)(arena)
        await do(arena, (await arena.load(run_id)).steps["s0"].evidence["child_run_id"], done("s0"))
        assert (await arena.load(run_id)).state is RunState.COMPLETED

    play(world, main())


def a_start_that_is_not_heard_of(seed: int) -> None:
    """Whoever started the child was paused before it heard so; another one starts it again, and it is the same."""
    world = World(seed, patience=PATIENT)
    child, work = step("s0"), agent("s1", config={"workflow": {"name": CHILD}})

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        paused, *_, living = world.replicas
        await arena.publish(replace(version([child]), definition_id=CHILD))
        run_id = await begin(arena, version([step("s0"), work], edges("s0>s1")))

        def pause(commit: Commit) -> None:
            if commit.before is None:
                world.pause(paused, 3 * LEASE.seconds)

        world.tables.watchers.append(pause)
        paused.do(paused.submit(run_id, Envelope(done("s0"), "user:ann", "rpc:1")))
        living.do(living.live())
        await arena.later(4 * LEASE.seconds)
        assert (await arena.load(run_id)).steps["s1"].state is StepState.WAITING
        assert len(world.tables.runs) == 2

    play(world, main())


def an_event_for_the_next_wait_too(seed: int) -> None:
    """A run hears an event once: the wait that opens because of it waits for another one."""
    world = World(seed, patience=PATIENT)
    waits = [step(name, StepType.WAIT_FOR_EVENT, event_type_pattern="x.y") for name in ("s0", "s1")]

    async def main() -> None:
        arena = SimulatedArena(world)
        await arena.open()
        run_id = await begin(arena, version(waits, edges("s0>s1")))
        await happens(EVENT)(arena.random.choice(arena.engines), run_id)
        await arena.settle()
        states = {key: found.state for key, found in (await arena.load(run_id)).steps.items()}
        assert states == {"s0": StepState.COMPLETED, "s1": StepState.WAITING}

    play(world, main())


STORIES = [
    an_answer_for_a_step_that_came_later,
    a_looker_that_died,
    a_child_that_never_began,
    a_commit_that_is_heard_of_after_its_lease,
    a_child_that_ends,
    a_start_that_is_not_heard_of,
    an_event_for_the_next_wait_too,
]


@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_well(story: Callable[[int], None]) -> None:
    each_seed(20, story)
