"""One history of the simulated world, from its seed: illness, healing, and what must be true at the end."""

import asyncio
from dataclasses import dataclass
from random import Random

from service.domain.state import Run, StepState
from tests.simulation.faults import EVERYTHING, Faults
from tests.simulation.graphs import child, drawn
from tests.simulation.people import People
from tests.simulation.world import World, play

ILL_SECONDS = 15.0
LIVE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Plot:
    """How a history goes: `replicas` and `runs` are the most there may be."""

    faults: Faults = EVERYTHING
    replicas: int = 3
    runs: int = 3
    ill_seconds: float = ILL_SECONDS


PLOT = Plot()


def history(seed: int, plot: Plot = PLOT) -> World:
    """Raises AssertionError, or whatever else broke, with the seed in its notes."""
    world = World(seed, plot.faults)
    play(world, _history(world, plot))
    return world


async def _history(world: World, plot: Plot) -> None:
    random = Random(world.seed)
    for version in (drawn(random), child(random)):
        world.tables.publish(version)
    for _ in range(random.randint(1, plot.replicas)):
        replica = world.replica()
        replica.do(replica.live())
    background = [asyncio.create_task(deed) for deed in (world.chaos(), People(world).work())]
    version = world.tables.versions["wf_1", 1]
    starts = [world.start(version, f"run_{number}") for number in range(random.randint(1, plot.runs))]
    again = await asyncio.gather(*starts, world.start(version, "run_0"))
    assert again[0] == again[-1], "one key started two runs"
    await asyncio.sleep(plot.ill_seconds)
    world.heal()
    await world.until_quiet(LIVE_SECONDS)
    for task in background:
        task.cancel()
    _check_the_end(world)


def _check_the_end(world: World) -> None:
    for run in world.tables.runs.values():
        told = world.bus.published[run.id]
        assert told == run.sequence, f"{run.id} told {told} of {run.sequence} changes"
        assert _known(world.tables.run_at(run.id, run.sequence)) == _known(run), f"{run.id} is not its history"
        if run.parent_run_id:
            assert run.parent_run_id in world.tables.runs
    _check_objectives(world)


def _known(run: Run | None) -> object:
    """What the history tells of a run."""
    assert run is not None
    steps = {key: (step.state, step.attempt, step.cost_usd, step.output_payload) for key, step in run.steps.items()}
    return run.state, run.sequence, run.total_cost_usd, run.output_payload, run.completed_at, steps


def _check_objectives(world: World) -> None:
    """What was created is linked to the step that wanted it, or was taken back."""
    linked = {
        objective_id
        for run in world.tables.runs.values()
        for step in (*run.steps.values(), *run.items.values())
        for objective_id in (step.objective_id, *step.earlier_work)
    }
    lost = world.office.objectives.keys() - linked - world.office.cancelled
    assert not lost, f"nobody knows of {sorted(lost)}"
    unwanted = {
        step.objective_id
        for run in world.tables.runs.values()
        for step in (*run.steps.values(), *run.items.values())
        if step.objective_id and step.state is StepState.CANCELLED
    }
    left = unwanted - world.office.cancelled
    assert not left, f"nobody told the agents to stop: {sorted(left)}"
