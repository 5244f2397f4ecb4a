"""Every command in one list, read from their declarations: for people who look for one, and for docs."""

import inspect
from collections.abc import Iterator

import typer


def commands(app: typer.Typer, path: str = "workflows") -> Iterator[tuple[str, str]]:
    """The words of each command that is shown, and the first sentence of what it does."""
    for command in app.registered_commands:
        if command.callback is not None and not command.hidden:
            said = inspect.getdoc(command.callback) or ""
            yield f"{path} {command.name or command.callback.__name__}", said.split("\n")[0]
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from commands(group.typer_instance, f"{path} {group.name}")


def markdown(app: typer.Typer) -> str:
    rows = (f"| `{words}` | {said} |" for words, said in commands(app))
    return "\n".join(["| command | what it does |", "|---|---|", *rows])
