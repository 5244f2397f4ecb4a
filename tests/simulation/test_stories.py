"""Short stories of what happens too seldom in histories, or was found in one: seeds change their meaning in time."""

from collections.abc import Callable

import pytest

from service.domain.commands import CompensateRun, Envelope, RejectTask
from service.domain.definition import StepType
from service.domain.heard import LONGEST_DELAY_SECONDS
from service.domain.state import RunState, StepState
from tests.builders import agent, edges, step, version
from tests.simulation.arena import PATIENT, SimulatedArena, begin, do, happens, says, told
from tests.simulation.faults import Chances, Faults
from tests.simulation.seeds import each_seed
from tests.simulation.stages import EVENT, TASK_THEN_WAIT, done
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


STORIES = [an_answer_for_a_step_that_came_later, a_looker_that_died, a_child_that_never_began]


@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_well(story: Callable[[int], None]) -> None:
    each_seed(20, story)
