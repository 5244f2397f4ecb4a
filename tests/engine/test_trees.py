"""How large a tree of runs becomes, and how seldom it is counted."""

from typing import Any, cast

import pytest

from service.domain.errors import Kind, Refusal
from service.engine.trees import Trees


class Counted:
    """Trees of which each has one root; every run that is asked about is in the one that its name begins with."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.counts = 0

    async def tree(self, run_id: str, most: int) -> tuple[str, int]:
        self.counts += 1
        root = run_id.split(".")[0]
        return root, min(self.sizes.get(root, 1), most)

    def started(self, root: str) -> None:
        self.sizes[root] = self.sizes.get(root, 1) + 1


async def grown(store: Counted, *replicas: Trees) -> int:
    """Every run has two children, until there can be no more."""
    for number in range(100_000):
        if not await may_start(replicas[number % len(replicas)], f"a.{number // 2}", f"a.{number + 1}"):
            return store.sizes["a"]
        store.started("a")
    raise AssertionError("there is no end")


async def may_start(tree: Trees, parent: str, child: str) -> bool:
    try:
        await tree.check(parent, child)
    except Refusal as refusal:
        return (refusal.kind, refusal.reason) != (Kind.CONFLICT, "run_too_many_descendants")
    return True


def trees(store: Counted, most: int) -> Trees:
    return Trees(cast(Any, store), most)


async def test_a_tree_is_bounded() -> None:
    store = Counted()
    tree = trees(store, 500)
    assert await grown(store, tree) == 500
    assert store.counts < 150
    with pytest.raises(Refusal):
        await tree.check("a.another", "a.x")
    await tree.check("b.1", "b.2")


async def test_several_replicas_overshoot_by_little() -> None:
    store = Counted()
    assert 500 <= await grown(store, *(trees(store, 500) for _ in range(4))) < 520


async def test_one_run_with_many_children_is_counted_seldom() -> None:
    store = Counted()
    tree = trees(store, 10_000)
    for _ in range(9_999):
        await tree.check("a.parent", "a.child")
        store.started("a")
    assert store.counts < 200
    with pytest.raises(Refusal):
        await tree.check("a.parent", "a.child")


async def test_what_is_remembered_is_bounded() -> None:
    tree = trees(Counted(), 100)
    for number in range(10_050):
        await tree.check(f"{number}.x", f"{number}.y")
    assert len(tree._roots) == len(tree._free) == 10_000
