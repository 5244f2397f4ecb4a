"""Where the boxes of a picture go: nothing overlaps, everything leads downwards, and the same graph looks the same."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.picture import layout
from service.domain.picture.layout import Layout, Spot, Widths, lay_out

WIDTHS = Widths(box=100, lane=10, gap=20)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    boxes = [f"s{number}" for number in range(draw(st.integers(1, 40)))]
    pairs = st.tuples(st.integers(0, len(boxes) - 1), st.integers(0, len(boxes) - 1))
    drawn = draw(st.lists(pairs.filter(lambda pair: pair[0] != pair[1]), max_size=80, unique=True))
    return boxes, [(f"s{min(pair)}", f"s{max(pair)}") for pair in drawn] if len(boxes) > 1 else []


def laid(*edges: str) -> Layout:
    """Of edges like `a>b`; the boxes in the order in which they are named."""
    pairs = [(source, target) for source, _, target in (edge.partition(">") for edge in edges)]
    return lay_out(list(dict.fromkeys(box for pair in pairs for box in pair)), pairs, WIDTHS)


def fan(count: int) -> Layout:
    """A step that opens so many, and one that closes them."""
    return laid(*(f"a>{number}" for number in range(count)), *(f"{number}>z" for number in range(count)))


def check_apart(found: Layout) -> None:
    for one, other in combinations(found.x, 2):
        if found.layer[one] == found.layer[other]:
            apart = (WIDTHS.of(one) + WIDTHS.of(other)) / 2
            assert abs(found.x[one] - found.x[other]) >= apart - 0.01, (one, other)


@given(graphs())
def test_nothing_overlaps_and_edges_go_downwards(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    boxes, edges = graph
    found = lay_out(boxes, edges, WIDTHS)
    assert {spot.owner for spot in found.layer if not spot.lane} == set(boxes)
    assert min(found.x[spot] - WIDTHS.of(spot) / 2 for spot in found.x) == pytest.approx(0)
    check_apart(found)
    for (source, target), path in zip(edges, found.paths, strict=True):
        assert (path[0], path[-1]) == (Spot(source), Spot(target))
        steps = [found.layer[lower] - found.layer[upper] for upper, lower in pairwise(path)]
        assert set(steps) == {1}, "an edge goes from layer to layer"


@given(graphs())
def test_the_same_graph_looks_the_same(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    assert lay_out(*graph, WIDTHS) == lay_out(*graph, WIDTHS)


def test_a_chain_is_straight() -> None:
    found = laid("a>b", "b>c", "c>d")
    assert set(found.x.values()) == {50}
    assert [found.layer[Spot(box)] for box in "abcd"] == [0, 1, 2, 3]


def test_a_step_stands_in_the_middle_of_what_it_opens() -> None:
    found = laid("a>b", "a>c", "a>d")
    assert [found.x[Spot(box)] for box in "bcd"] == [50, 170, 290]
    assert found.x[Spot("a")] == 170


def test_boxes_are_ordered_so_that_edges_need_not_cross() -> None:
    found = laid("a>x", "a>y", "x>1", "y>2", "x>3")
    first, second, third = (found.x[Spot(box)] for box in "123")
    assert max(first, third) < second, "what comes after y stands beside both of x"


def test_an_edge_over_layers_goes_around_the_boxes_between() -> None:
    found = laid("a>b", "b>c", "a>c")
    over = found.paths[2]
    assert [bool(spot.lane) for spot in over] == [False, True, False]
    assert abs(found.x[over[1]] - found.x[Spot("b")]) >= 55


def test_edges_of_one_box_share_their_lanes() -> None:
    found = laid("a>b", "b>c", "c>d", "d>e", "a>d", "a>e")
    to_d, to_e = found.paths[4], found.paths[5]
    assert to_d[1:3] == to_e[1:3]


def test_a_wide_fan_goes_on_in_further_layers() -> None:
    found = fan(400)
    assert 10 < found.layers < 20
    assert max(found.x.values()) < 40 * 120 * 2
    check_apart(fan(60))


def test_where_lanes_run_out_edges_go_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_LANES", 1)
    found = laid("a>b", "b>c", "c>d", "a>c", "a>d", "b>d")
    assert [len(path) for path in found.paths[3:]] == [3, 2, 2]
    assert sum(bool(spot.lane) for spot in found.layer) == 1
