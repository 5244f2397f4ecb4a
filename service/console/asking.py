"""Asking before what cannot be taken back. A script has nobody to ask, so it has to say --yes."""

import sys

import typer

from service.console.exits import FAILED, USAGE, Failed


def sure(what: str, yes: bool) -> None:
    """Raises Failed unless it was agreed to."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failed(f"this would {what}; without a terminal to ask at, --yes says that it may", USAGE)
    typer.echo(f"{what[0].upper()}{what[1:]}? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed("nothing was changed", FAILED)
