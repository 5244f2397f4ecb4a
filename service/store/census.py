"""Counting what there is to be done, in the whole database.

Only what has not ended is counted, through the indexes that hold nothing else, so that millions of ended runs cost
nothing. Three statements, one after the other, under the role that may only read. Called now and then by
`observing.census`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.state import RunState, StepState
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.pool import Pool
from service.store.queries import query

UNFINISHED_RUNS = tuple(state.value for state in RunState if not state.terminal)
UNFINISHED_STEPS = tuple(state.value for state in StepState if not state.terminal)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is there now. `..._seconds` is for how long the first of its kind has been overdue, 0 where none is."""

    runs: Mapping[str, int]
    steps: Mapping[str, int]
    open_tasks: int
    unpublished: int
    unpublished_seconds: float
    effects: int
    effects_seconds: float
    timers_seconds: float
    starts_seconds: float
    schedules_seconds: float
    dead_letters: int


class Census:
    """Constructed with a pool of the reader's role."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self) -> Counts:
        """Every unfinished state is there, with 0 where nothing is in it. Raises StoreUnavailable."""
        runs = await self._pool.read_as(EVERY_WORKSPACE, query("census_runs"))
        steps = await self._pool.read_as(EVERY_WORKSPACE, query("census_steps"))
        [work] = await self._pool.read_as(EVERY_WORKSPACE, query("census_work"))
        return Counts(
            {**dict.fromkeys(UNFINISHED_RUNS, 0), **dict(runs)},
            {**dict.fromkeys(UNFINISHED_STEPS, 0), **dict(steps)},
            *(max(0, value or 0) for value in work),
        )
