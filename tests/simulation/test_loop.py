"""The loop: one seed one order, time that jumps, owners that are paused or killed."""

import asyncio
from collections.abc import Iterator
from contextvars import Context

import pytest

from tests.simulation.loop import OWNER, SimulatedLoop, Stuck


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    made = SimulatedLoop(1)
    yield made
    made.finish()


def order(seed: int) -> list[int]:
    """Twenty tasks that take turns five times."""
    found: list[int] = []

    async def turns(number: int) -> None:
        for _ in range(5):
            found.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(turns(number) for number in range(20)))

    loop = SimulatedLoop(seed)
    loop.play(main())
    loop.finish()
    return found


def test_one_seed_is_one_order() -> None:
    assert order(1) == order(1)
    assert order(1) != order(2)


def test_time_jumps(loop: SimulatedLoop) -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)
        return loop.time()

    assert loop.play(main()) == 3600


def test_waiting_for_nothing_is_an_error(loop: SimulatedLoop) -> None:
    async def main() -> None:
        await loop.create_future()

    with pytest.raises(Stuck):
        loop.play(main())


def test_an_error_that_nobody_handles_ends_the_play(loop: SimulatedLoop) -> None:
    async def broken() -> None:
        raise ValueError("broken")

    async def main() -> None:
        loop.begin(broken(), Context())
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="broken"):
        loop.play(main())


def owned(name: str) -> Context:
    context = Context()
    context.run(OWNER.set, name)
    return context


def test_who_is_paused_goes_on_later_and_who_is_killed_never(loop: SimulatedLoop) -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str) -> None:
        try:
            await asyncio.sleep(1)
            woken.append((name, loop.time()))
        finally:
            woken.append((f"{name} cleaned up", loop.time()))

    async def main() -> None:
        for name in ("well", "paused", "killed"):
            loop.begin(sleeper(name), owned(name))
        await asyncio.sleep(0.5)
        loop.freeze("paused")
        loop.freeze("killed")
        loop.call_later(10, loop.thaw, "paused")
        await asyncio.sleep(100)

    loop.play(main())
    assert woken == [("well", 1.0), ("well cleaned up", 1.0), ("paused", 10.5), ("paused cleaned up", 10.5)]
