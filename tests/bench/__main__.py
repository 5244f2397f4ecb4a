"""The command: measure, show a table, write JSON."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from tests import bytecode
from tests.bench import branches, idle, matching, outbox, start_run, transition_rpc, transitions
from tests.bench.frame import Measurement, Result, measure
from tests.bench.report import as_json, table
from tests.bench.servers import servers

MEASUREMENTS: tuple[Measurement, ...] = tuple(
    module.MEASUREMENT for module in (transitions, transition_rpc, start_run, branches, matching, outbox, idle)
)
NAMES = tuple(measurement.name for measurement in MEASUREMENTS)
ROUNDS = 5
WIDTH = 140  # where the output is no terminal


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(NAMES)}; may be repeated.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One round instead of five.")] = False,
    json: Annotated[Path, typer.Option(help="Where the figures are written.")] = Path("bench.json"),
) -> None:
    """Measure the service against what this machine can do."""
    if unknown := set(only or ()) - set(NAMES):
        raise typer.BadParameter(f"no measurement is called {', '.join(sorted(unknown))}")
    bytecode.make()
    chosen = [measurement for measurement in MEASUREMENTS if not only or measurement.name in only]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    results = asyncio.run(_all(chosen, 1 if quick else ROUNDS, console))
    console.print(table(results))
    json.write_bytes(orjson.dumps(as_json(results), option=orjson.OPT_INDENT_2))
    console.print(f"written to {json}")


async def _all(chosen: list[Measurement], rounds: int, console: Console) -> list[Result]:
    results = []
    with servers() as around:
        for measurement in chosen:
            with console.status(f"{measurement.name} ..."):
                results += await measure(measurement, around, rounds)
    return results


if __name__ == "__main__":
    typer.run(main)
