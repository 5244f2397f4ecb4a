"""What every measurement has in common: figures with goals, and rounds whose median counts.

A measurement prepares what it needs once, then its round is repeated; each round gives one reading per figure. A figure
that compares does so within one round, so what else the machine is doing weighs on both sides. The first round warms up
and is dropped.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from tests.bench.servers import Servers

Reading: TypeAlias = Mapping[str, float]
Round: TypeAlias = Callable[[], Awaitable[Reading]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is measured; with a goal it has to be at least or at most that."""

    name: str
    unit: str
    meaning: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:.3g}"
        return f"<= {self.at_most:.3g}" if self.at_most is not None else ""

    def reached_by(self, value: float) -> bool | None:
        """None when there is no goal."""
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most if self.at_most is not None else None


@dataclass(frozen=True, slots=True)
class Measurement:
    """`prepare` is entered once and gives the round."""

    name: str
    figures: tuple[Figure, ...]
    prepare: Callable[[Servers], AbstractAsyncContextManager[Round]]


@dataclass(frozen=True, slots=True)
class Result:
    """A figure's readings, one of each round that counts."""

    measurement: str
    figure: Figure
    readings: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.readings)

    @property
    def reached(self) -> bool | None:
        return self.figure.reached_by(self.median)


async def measure(measurement: Measurement, servers: Servers, rounds: int) -> list[Result]:
    """One result per figure, in the order of the measurement."""
    async with measurement.prepare(servers) as one_round:
        await one_round()
        readings = [await one_round() for _ in range(rounds)]
    return [
        Result(measurement.name, figure, tuple(reading[figure.name] for reading in readings))
        for figure in measurement.figures
    ]
