"""The options and arguments that several commands have, each spelled once."""

from enum import StrEnum
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from service.console import completion

_SERVER = "The server"
_AS_BEFORE = "As before the command."

SHARED: tuple[tuple[str, Any], ...] = (
    ("address", Annotated[str | None, typer.Option("--address", help=_AS_BEFORE, rich_help_panel=_SERVER)]),
    ("token", Annotated[str | None, typer.Option("--token", help=_AS_BEFORE, rich_help_panel=_SERVER)]),
    ("token_file", Annotated[Path | None, typer.Option("--token-file", help=_AS_BEFORE, rich_help_panel=_SERVER)]),
    ("timeout", Annotated[float | None, typer.Option("--timeout", min=0.1, help=_AS_BEFORE, rich_help_panel=_SERVER)]),
    ("workspace", Annotated[str | None, typer.Option("--workspace", help=_AS_BEFORE, rich_help_panel=_SERVER)]),
    ("json", Annotated[bool | None, typer.Option("--json", help="Answer with JSON.", rich_help_panel=_SERVER)]),
)
"""What can stand after every command, too."""


def shared() -> list[Parameter]:
    return [
        Parameter(f"shared_{name}", Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in SHARED
    ]


class GraphFormat(StrEnum):
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


Format = Annotated[GraphFormat, typer.Option("--format", help="How it is drawn.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", autocompletion=completion.runs)]
Definition = Annotated[
    str,
    typer.Argument(metavar="DEFINITION", help="The definition's name or id.", autocompletion=completion.definitions),
]
OfDefinition = Annotated[
    str | None,
    typer.Option("--definition", help="Of this definition, name or id.", autocompletion=completion.definitions),
]
Task = Annotated[str, typer.Argument(metavar="TASK", help="The task's id, RUN/STEP.", autocompletion=completion.tasks)]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", "--idempotency-key", help="Makes a repetition of this very call safe; otherwise a fresh random one."
    ),
]
Reason = Annotated[str, typer.Option("--reason", "-r", show_default=False, help="Why; it is kept.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]
Offset = Annotated[int, typer.Option("--offset", min=0, help="How many to pass over.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing, tell what would change.")]
User = Annotated[str | None, typer.Option("--user", help="Who acts; otherwise whoever calls.")]
Seen = Annotated[int, typer.Option("--seen-version", min=0, help="Only if it is still at this version; 0: any.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From then on: a time, or 2h for two hours ago.")
]
