"""Makes a command of a function over a `Session`: the shared options, and the one place where failures are told.

    @command(app, "show")
    def show(session: Session, run_id: options.Run) -> None: ...

The wrapped function has the signature that typer reads: the function's own parameters without the session, then the
shared ones.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter
from typing import Any

import typer

from service.console import options
from service.console.exits import INTERRUPTED, Failed
from service.console.session import Session
from service.console.settings import Settings

Body = Callable[..., None]


def command(app: typer.Typer, name: str, **typer_options: Any) -> Callable[[Body], Body]:
    def declare(body: Body) -> Body:
        app.command(name, **typer_options)(_wrapped(body))
        return body

    return declare


def _wrapped(body: Body) -> Body:
    @wraps(body)
    def run(shared_context: typer.Context, **given: Any) -> None:
        said = {name: given.pop(f"shared_{name}") for name, _ in options.SHARED}
        settings: Settings = shared_context.obj.changed(**said)
        with Session(settings) as session:
            _told(settings, lambda: body(session, **given))

    own = list(inspect.signature(body).parameters.values())[1:]
    context = Parameter("shared_context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    run.__signature__ = inspect.Signature([*own, context, *options.shared()])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*own, context, *options.shared())}
    return run


def _told(settings: Settings, work: Callable[[], None]) -> None:
    try:
        work()
    except Failed as failed:
        _tell(failed, settings.json)
        raise typer.Exit(failed.code) from None
    except (KeyboardInterrupt, RuntimeError) as error:
        if not _interrupted(error):
            raise
        typer.echo(err=True)
        raise typer.Exit(INTERRUPTED) from None


def _interrupted(error: BaseException | None) -> bool:
    """Also by a Ctrl-C just as a wait of gRPC takes its lock again: leaving that lock unheld fails in its place."""
    return error is not None and (isinstance(error, KeyboardInterrupt) or _interrupted(error.__context__))


def _tell(failed: Failed, as_json: bool) -> None:
    from service.console import json_answers, show

    if as_json:
        json_answers.failure(failed.message, failed.code, failed.about)
        return
    show.say(f"workflows: {failed.message}", *(f"  {line}" for line in failed.lines))
