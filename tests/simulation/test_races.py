"""Races for one run, decided by the seed: whatever the interleaving, the end is one that some order allows.

Of two contenders the end must be that of one after the other, in either order: run, steps and what both were told. Of
the pairs that are named each must be seen to end in both ways, or the race was none.
"""

from itertools import combinations_with_replacement
from random import Random

import pytest

from service.domain.commands import ResumeRun, TimePassed
from tests.simulation.arena import Contender, Prepare, race, says, serially
from tests.simulation.seeds import each_seed, seeds
from tests.simulation.stages import MOVES, NAMED, PAUSED_IN_BACKOFF, STAGES

PAIRS = [*combinations_with_replacement(MOVES, 2)]


@pytest.mark.parametrize("stage", STAGES)
def test_two_commands_end_as_one_after_the_other(stage: str) -> None:
    for first, second in PAIRS:
        contenders = [says(MOVES[first]), says(MOVES[second], "user:bob")]
        _race_all(f"{first} and {second}", STAGES[stage], contenders, 1)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_pair_ends_in_each_of_its_ways(name: str) -> None:
    prepare, contenders = NAMED[name]
    ends = _race_all(name, prepare, contenders, 60)
    if len(seeds(2)) > 1:
        assert ends == serially(prepare, contenders)


def test_three_at_once_end_as_one_after_the_other() -> None:
    def played(seed: int) -> None:
        random = Random(seed)
        stage, moves = random.choice([*STAGES]), random.sample([*MOVES], 3)
        contenders = [says(MOVES[move], f"user:{move}") for move in moves]
        shape, allowed = race(seed, STAGES[stage], contenders).shape, serially(STAGES[stage], contenders)
        assert shape in allowed, f"{stage}, {moves}: {shape} is none of {allowed}"

    each_seed(50, played)


def test_resuming_starts_a_retry_once() -> None:
    def played(seed: int) -> None:
        before = race(seed, PAUSED_IN_BACKOFF, [says(TimePassed())]).run
        assert before.steps["s0"].attempt == 1
        contenders = [says(ResumeRun()), says(ResumeRun(), "user:bob"), says(TimePassed())]
        after = race(seed, PAUSED_IN_BACKOFF, contenders).run
        assert after.steps["s0"].attempt == 2

    each_seed(50, played)


def _race_all(name: str, prepare: Prepare, contenders: list[Contender], share: int) -> set[tuple[object, ...]]:
    allowed = serially(prepare, contenders)

    def played(seed: int) -> tuple[object, ...]:
        shape = race(seed, prepare, contenders).shape
        assert shape in allowed, f"{name}: {shape} is none of {allowed}"
        return shape

    return set(each_seed(share, played))
