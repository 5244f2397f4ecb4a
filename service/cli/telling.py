"""What can go wrong before there is a service, told in one line on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from service.console.exits import FAILED


@contextmanager
def one_line(*expected: type[Exception], code: int = FAILED) -> Iterator[None]:
    """What an operator can get wrong, told in one line; ends with that exit code."""
    try:
        yield
    except expected as error:
        fail(error, code)


def fail(error: Exception, code: int) -> NoReturn:
    typer.echo(f"workflows: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(code)
