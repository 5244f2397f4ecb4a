"""`workflows config`: the settings that the service reads, and its metrics."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from service.cli.telling import Json, answer


def add(app: typer.Typer) -> None:
    app.command()(config)


def config(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="List the metrics instead, as a Markdown table.")] = False,
    as_json: Json = False,
) -> None:
    """List every setting that `workflows serve` reads from the environment."""
    from service.config import table

    if metrics:
        from service.observing.metrics import METRICS
        from service.observing.metrics import markdown as markdown_of_metrics

        answer({"metrics": [asdict(one) for one in METRICS.values()]}, [markdown_of_metrics()])
        return
    settings = [{"name": name, "default": default, "meaning": meaning} for name, default, meaning in table()]
    answer({"settings": settings}, _rows(table()) if markdown else _paragraphs(table()))


def _rows(settings: list[tuple[str, str, str]]) -> Iterator[str]:
    yield "| setting | default | meaning |\n|---|---|---|"
    for name, default, meaning in settings:
        yield f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |"


def _paragraphs(settings: list[tuple[str, str, str]]) -> Iterator[str]:
    for name, default, meaning in settings:
        yield f"{name}\n    {meaning}\n    default: {default or 'empty'}"
