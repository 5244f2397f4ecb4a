"""Results for people, as a table, and for programs, as JSON."""

import os
import platform
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tests.bench.frame import Result

VERDICTS = {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}


def table(results: Sequence[Result]) -> Table:
    """Medians, with the lowest and the highest round beside them."""
    shown = Table("measurement", "what", title="workflows, medians of the rounds")
    for heading in ("median", "lowest", "highest", "goal"):
        shown.add_column(heading, justify="right")
    shown.add_column("")
    before = ""
    for result in results:
        if result.measurement != before:
            shown.add_section()
        shown.add_row(result.measurement if result.measurement != before else "", *_cells(result))
        before = result.measurement
    return shown


def _cells(result: Result) -> tuple[str, ...]:
    figure, readings = result.figure, result.readings
    numbers = (_number(value) for value in (result.median, min(readings), max(readings)))
    return (f"{figure.meaning}, {figure.unit}", *numbers, figure.goal, VERDICTS[result.reached])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "figures": {f"{result.measurement}.{result.figure.name}": _entry(result) for result in results},
    }


def _entry(result: Result) -> dict[str, Any]:
    figure = result.figure
    entry = {"meaning": figure.meaning, "unit": figure.unit, "median": result.median, "rounds": result.readings}
    return entry | ({"goal": figure.goal, "reached": result.reached} if figure.goal else {})
