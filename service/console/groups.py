"""Every group of commands that asks a server, and completion; the root of the command line adds them."""

from enum import StrEnum
from typing import Annotated

import typer

from service.console import definitions, events, retention, runs, schedules, tasks


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add(app: typer.Typer) -> None:
    for name, group in (
        ("definitions", definitions.app),
        ("runs", runs.app),
        ("tasks", tasks.app),
        ("schedules", schedules.app),
        ("events", events.app),
        ("retention", retention.app),
    ):
        app.add_typer(group, name=name)
    app.command("completion")(completion)


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script.")]) -> None:
    """Print the script that makes a shell complete our commands, names and ids.

    bash: `source <(workflows completion bash)`; zsh: the same, after compinit; fish: `... completion fish | source`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="workflows", complete_var="_WORKFLOWS_COMPLETE", shell=shell.value)
    typer.echo(script)
