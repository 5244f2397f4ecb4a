"""Where the boxes of a graph go: in layers from top to bottom, each edge from one layer to a later one.

The usual three steps: layers by the longest path, an order within each layer that crosses few edges (barycentres), then
places that are as close above and below their neighbours as the order allows. An edge that spans several layers goes
through a lane in each of them, which edges from the same box (or into it) share. Pure and deterministic: ties keep the
order in which boxes are given. A layer takes so many boxes and the whole so many lanes that 500 steps stay cheap;
edges for which no lanes are left go straight, behind the boxes. Called by `svg`.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import NamedTuple, TypeAlias

MAX_LANES = 3000
FEW = 400
"""Up to so many spots a picture is worked on longer."""

LANE_WEIGHT = 1000.0
"""How much more a lane insists on being straight than a box does."""


class Spot(NamedTuple):
    """A box, or a lane: of the edges that leave its owner or of those that enter it, in one layer."""

    owner: str
    lane: str = ""  # "out" | "in" | "" for the box itself
    layer: int = 0  # of a lane


Edge: TypeAlias = tuple[str, str]
Rows: TypeAlias = list[list[Spot]]
Neighbours: TypeAlias = Mapping[Spot, Sequence[Spot]]


@dataclass(frozen=True, slots=True)
class Widths:
    box: float
    lane: float
    gap: float

    def apart(self, one: Spot, other: Spot) -> float:
        """How far their middles have to be apart."""
        return (self.of(one) + self.of(other)) / 2 + self.gap

    def of(self, spot: Spot) -> float:
        return self.lane if spot.lane else self.box


@dataclass(frozen=True, slots=True)
class Layout:
    """`layer` and `x` (the middle, from 0 on) of every spot; `paths` are the spots of each edge in turn."""

    layers: int
    layer: Mapping[Spot, int]
    x: Mapping[Spot, float]
    paths: Sequence[Sequence[Spot]]


def lay_out(boxes: Sequence[str], edges: Sequence[Edge], widths: Widths) -> Layout:
    """`boxes` in topological order: every edge leads from one to a later one."""
    of_box = _layers(boxes, edges)
    paths = _paths(edges, of_box)
    layer = {Spot(box): of_box[box] for box in boxes}
    layer |= {spot: spot.layer for path in paths for spot in path if spot.lane}
    steps = list(dict.fromkeys(step for path in paths for step in pairwise(path)))
    above, below = _neighbours(layer, ((low, high) for high, low in steps)), _neighbours(layer, steps)
    rows: Rows = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for spot, number in layer.items():
        rows[number].append(spot)
    rows = _ordered(rows, above, below)
    return Layout(len(rows), layer, _placed(rows, above, below, widths), paths)


# --- layers and lanes ------------------------------------------------------------------------------------------------


def _layers(boxes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """One below the last predecessor; lower where that layer is full."""
    full = max(12, round(1.5 * sqrt(len(boxes))))
    sources: dict[str, list[str]] = {box: [] for box in boxes}
    for source, target in edges:
        sources[target].append(source)
    layer: dict[str, int] = {}
    held = Counter[int]()
    for box in boxes:
        number = max((layer[source] + 1 for source in sources[box]), default=0)
        while held[number] >= full:
            number += 1
        layer[box] = number
        held[number] += 1
    return layer


def _paths(edges: Sequence[Edge], layer: Mapping[str, int]) -> list[tuple[Spot, ...]]:
    leaving, entering = Counter(source for source, _ in edges), Counter(target for _, target in edges)
    lanes: set[Spot] = set()
    found = []
    for source, target in edges:
        side = (source, "out") if leaving[source] >= entering[target] else (target, "in")
        wanted = [Spot(*side, number) for number in range(layer[source] + 1, layer[target])]
        room = len(lanes) + sum(spot not in lanes for spot in wanted) <= MAX_LANES
        way = wanted if room else []
        lanes.update(way)
        found.append((Spot(source), *way, Spot(target)))
    return found


def _neighbours(spots: Iterable[Spot], steps: Iterable[tuple[Spot, Spot]]) -> dict[Spot, list[Spot]]:
    found: dict[Spot, list[Spot]] = {spot: [] for spot in spots}
    for one, other in steps:
        found[one].append(other)
    return found


# --- the order within layers -----------------------------------------------------------------------------------------


def _ordered(rows: Rows, above: Neighbours, below: Neighbours) -> Rows:
    """The best order that was met; the one given if it crosses nothing."""
    best, fewest = rows, _crossings(rows, below)
    for _ in range(_rounds(rows)):
        for downwards in (True, False):
            if not fewest:
                return best
            rows = _swept(rows, above if downwards else below, downwards=downwards)
            crossings = _crossings(rows, below)
            if crossings < fewest:
                best, fewest = rows, crossings
    return best


def _rounds(rows: Rows) -> int:
    return 6 if sum(map(len, rows)) <= FEW else 2


def _swept(rows: Rows, neighbours: Neighbours, *, downwards: bool) -> Rows:
    """Each layer sorted by where its neighbours in the layer before it stand."""
    place: dict[Spot, float] = {}
    swept: Rows = []
    for row in rows if downwards else reversed(rows):
        keys = {}
        for index, spot in enumerate(row):
            seen = [place[other] for other in neighbours[spot] if other in place]
            keys[spot] = sum(seen) / len(seen) if seen else (index + 0.5) / len(row)
        ordered = sorted(row, key=keys.__getitem__)
        place |= {spot: (index + 0.5) / len(row) for index, spot in enumerate(ordered)}
        swept.append(ordered)
    return swept if downwards else swept[::-1]


def _crossings(rows: Rows, below: Neighbours) -> int:
    """Between neighbouring layers; edges without lanes are not looked at."""
    crossed = 0
    for upper, lower in pairwise(rows):
        place = {spot: index for index, spot in enumerate(lower)}
        seen: list[int] = []
        for spot in upper:
            ends = sorted(place[other] for other in below[spot] if other in place)
            crossed += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossed


# --- places ----------------------------------------------------------------------------------------------------------


def _placed(rows: Rows, above: Neighbours, below: Neighbours, widths: Widths) -> dict[Spot, float]:
    x: dict[Spot, float] = {}
    for row in rows:
        x |= _apart(row, [0.0] * len(row), widths)
    for _ in range(_rounds(rows)):
        for row in reversed(rows):
            x |= _apart(row, [_middle(x, spot, below[spot]) for spot in row], widths)
        for row in rows:
            x |= _apart(row, [_middle(x, spot, above[spot]) for spot in row], widths)
    left = min((middle - widths.of(spot) / 2 for spot, middle in x.items()), default=0.0)
    return {spot: middle - left for spot, middle in x.items()}


def _middle(x: Mapping[Spot, float], spot: Spot, neighbours: Sequence[Spot]) -> float:
    """Of its neighbours; a lane goes on where it comes from, whatever joins or leaves it there."""
    lanes = [other for other in neighbours if other.lane] if spot.lane else []
    heeded = lanes or neighbours
    return sum(x[other] for other in heeded) / len(heeded) if heeded else x[spot]


def _apart(row: Sequence[Spot], wanted: Sequence[float], widths: Widths) -> dict[Spot, float]:
    """The places in this order, far enough apart, that are closest to the wanted ones (least squares): what would stand
    too close is pooled and stands around its common middle."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + widths.apart(one, other))
    pools: list[tuple[float, float, int]] = []  # middle, weight, how many
    for spot, want, offset in zip(row, wanted, offsets, strict=False):
        pool = (want - offset, LANE_WEIGHT if spot.lane else 1.0, 1)
        while pools and pools[-1][0] >= pool[0]:
            pool = _pooled(pools.pop(), pool)
        pools.append(pool)
    middles = [middle for middle, _, count in pools for _ in range(count)]
    return {spot: middle + offset for spot, middle, offset in zip(row, middles, offsets, strict=False)}


def _pooled(one: tuple[float, float, int], other: tuple[float, float, int]) -> tuple[float, float, int]:
    weight = one[1] + other[1]
    return (one[0] * one[1] + other[0] * other[1]) / weight, weight, one[2] + other[2]
