"""Places are given by turns of workspaces, and none is lost, whoever gives up."""

import asyncio

import pytest

from service.engine.turns import Turns
from tests.shaken import SEED

pytestmark = pytest.mark.skipif(SEED is not None, reason="counts the turns of the loop")


class Line:
    """Callers who enter, are noted, and stay inside until they are told to go."""

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self.inside: list[str] = []
        self._going: dict[str, asyncio.Event] = {}

    async def comes(self, name: str) -> "asyncio.Task[None]":
        """`a1` is the first caller of workspace `a`."""
        self._going[name] = asyncio.Event()
        task = asyncio.create_task(self._stay(name))
        await settled()
        return task

    async def goes(self, name: str) -> None:
        self.let_go(name)
        await settled()

    def let_go(self, name: str) -> None:
        self._going[name].set()

    async def _stay(self, name: str) -> None:
        async with self.turns.place(name[0]):
            self.inside.append(name)
            await self._going[name].wait()


async def settled() -> None:
    """Whoever can go on has gone on: nobody here waits for anything but the others."""
    for _ in range(10):
        await asyncio.sleep(0)


async def came(line: Line, *names: str) -> "dict[str, asyncio.Task[None]]":
    return {name: await line.comes(name) for name in names}


async def all_go(line: Line, *names: str) -> None:
    for name in names:
        await line.goes(name)


async def test_a_crowd_from_one_workspace_delays_no_other() -> None:
    line = Line(1)
    tasks = await came(line, "a1", "a2", "a3", "a4", "b1", "c1", "b2")
    assert (line.inside, line.turns.full) == (["a1"], True)
    for turn in range(7):
        await line.goes(line.inside[turn])
    assert line.inside == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]
    assert not line.turns.full
    await asyncio.gather(*tasks.values())


async def test_no_more_than_so_many_are_inside() -> None:
    line = Line(2)
    await came(line, "a1", "b1", "c1")
    assert line.inside == ["a1", "b1"]
    await line.goes("b1")
    assert line.inside == ["a1", "b1", "c1"]
    await all_go(line, "a1", "c1")
    assert not line.turns.full


async def test_whoever_gives_up_takes_no_place_along() -> None:
    line = Line(1)
    tasks = await came(line, "a1", "b1", "c1")
    tasks["b1"].cancel()
    await settled()
    await line.goes("a1")
    assert line.inside == ["a1", "c1"]
    await line.goes("c1")
    assert not line.turns.full


async def test_a_place_that_is_given_to_one_who_gives_up_is_given_on() -> None:
    line = Line(1)
    tasks = await came(line, "a1", "b1", "c1")
    line.let_go("a1")
    await asyncio.sleep(0)
    assert (tasks["a1"].done(), line.inside) == (True, ["a1"])  # the place is b's, who has not heard of it yet
    tasks["b1"].cancel()
    await settled()
    assert line.inside == ["a1", "c1"]
    await line.goes("c1")
    assert not line.turns.full
