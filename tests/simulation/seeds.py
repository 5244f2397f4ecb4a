"""How many seeds a suite plays: the share given to it, times `SIMULATION_SEEDS` (1 unless said otherwise).

A seed that breaks says how to play it alone: `SIMULATION_SEED=<n>` lets every suite play that one only.
"""

import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def each_seed(share: int, play: Callable[[int], T]) -> list[T]:
    """What every seed's play gave. Raises what the first one raised that broke."""
    return [_played(seed, play) for seed in seeds(share)]


def seeds(share: int) -> range:
    """One seed only when it was asked for."""
    if only := os.environ.get("SIMULATION_SEED"):
        return range(int(only), int(only) + 1)
    return range(1, 1 + share * int(os.environ.get("SIMULATION_SEEDS", "1")))


def _played(seed: int, play: Callable[[int], T]) -> T:
    try:
        return play(seed)
    except Exception as error:
        error.add_note(f"to play it alone: SIMULATION_SEED={seed} and this test")
        raise
