"""A loop works while there is work, waits for hints, and outlives what does not answer."""

import asyncio

import pytest

from service.engine.loop import Loop
from service.engine.ports.failures import StoreUnavailable


async def test_a_loop_works_until_there_is_nothing_left_then_waits_for_a_hint() -> None:
    left, idle = [3], asyncio.Event()

    async def work() -> bool:
        if left[0] == 0:
            idle.set()
            return False
        left[0] -= 1
        return True

    loop = Loop("tests", work, idle_seconds=3600)
    running = asyncio.create_task(loop.run())
    await idle.wait()
    idle.clear()
    left[0] = 2
    loop.wake()
    await idle.wait()
    assert left[0] == 0
    loop.stop()
    await running


async def test_a_hint_during_a_round_is_not_lost() -> None:
    rounds = 0

    async def work() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            loop.wake()
        else:
            loop.stop()
        return False

    loop = Loop("tests", work, idle_seconds=3600)
    async with asyncio.timeout(60):
        await loop.run()
    assert rounds == 2


@pytest.mark.parametrize("error", [StoreUnavailable("away"), ValueError("a bad row")])
async def test_a_loop_outlives_a_database_that_is_away_and_a_row_it_cannot_read(error: Exception) -> None:
    tries = 0

    async def work() -> bool:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        loop.stop()
        return False

    loop = Loop("tests", work, idle_seconds=0.001)
    async with asyncio.timeout(60):
        await loop.run()
    assert tries == 3


async def test_a_loop_outlives_any_number_of_failures() -> None:
    loop = Loop("test", never, 0.0)
    loop.failures_in_a_row = 5000
    loop.wake()
    await loop._wait()


async def never() -> bool:
    return False
