"""What the commands say that ask no server: answers for people or for scripts, and what went wrong in one line.

`--json` stands before the command, as for all of them, or after it (`Json`), and holds for failures, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, NoReturn

import typer

from service.console.exits import FAILED

_for_scripts: ContextVar[bool] = ContextVar("for_scripts", default=False)


def _asked(context: typer.Context, said: bool) -> bool:
    found = said or bool(getattr(context.obj, "json", False))
    _for_scripts.set(found)
    return found


Json = Annotated[bool, typer.Option("--json", callback=_asked, help="Answer with JSON.")]
"""A command with it answers with `answer`; the parameter itself is of no use to it."""


def answer(document: Mapping[str, Any], lines: Iterable[str]) -> None:
    """The document for scripts, the lines for people."""
    if _for_scripts.get():
        from service.console import json_answers

        json_answers.document(document)
        return
    for line in lines:
        typer.echo(line)


@contextmanager
def one_line(*expected: type[Exception], code: int = FAILED) -> Iterator[None]:
    """What an operator can get wrong, told in one line; ends with that exit code."""
    try:
        yield
    except expected as error:
        fail(error, code)


def fail(error: Exception, code: int) -> NoReturn:
    said = " ".join(str(error).split())
    if _for_scripts.get():
        from service.console import json_answers

        json_answers.failure(said, code)
    else:
        typer.echo(f"workflows: {said}", err=True)
    raise typer.Exit(code)
