"""The named races once more, over the real database and the real asyncio: the ends are those that the order allows."""

import pytest

from tests.simulation.arena import Contender, Prepare, contend, serially
from tests.simulation.postgres_arena import postgres_arena
from tests.simulation.stages import NAMED

ROUNDS = 10

Pair = tuple[Prepare, list[Contender], set[tuple[object, ...]]]


@pytest.fixture(params=NAMED)
def pair(request: pytest.FixtureRequest) -> Pair:
    """A race and the ends that are allowed; found out in the simulated arena, so outside any other loop."""
    prepare, contenders = NAMED[request.param]
    return prepare, contenders, serially(prepare, contenders)


async def test_a_named_pair_ends_as_some_order_allows(pair: Pair, database: str) -> None:
    prepare, contenders, allowed = pair
    async with postgres_arena(database, seed=1) as arena:
        for _ in range(ROUNDS):
            shape = (await contend(arena, prepare, contenders)).shape
            assert shape in allowed, f"{shape} is none of {allowed}"
