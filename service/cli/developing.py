"""What people start on their own machine: `dev`, the service with all that it needs, and `demo`, a story told by it."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.serving import until_told
from service.cli.telling import Json, fail, one_line
from service.console.exits import FAILED, USAGE

if TYPE_CHECKING:
    from service.dev.siblings import Script
    from service.dev.stack import Stack


def add(app: typer.Typer) -> None:
    app.command()(dev)
    app.command()(demo)


def dev(
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder; otherwise it is temporary.")] = None,
    script: Annotated[Path | None, typer.Option(help="What the simulated siblings do, as JSON.")] = None,
    grpc: Annotated[str, typer.Option(help="Where gRPC listens; port 0 is any free one.")] = "127.0.0.1:0",
    http: Annotated[str, typer.Option(help="Where /healthz, /readyz and /metrics listen.")] = "127.0.0.1:0",
    tokens: Annotated[bool, typer.Option("--tokens", help="Ask callers for tokens, and print some.")] = False,
    env_file: Annotated[
        Path | None, typer.Option(help="Write the settings to this file, for `set -a; . FILE; workflows doctor`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the service with PostgreSQL, NATS and simulated siblings until Ctrl-C."""
    from service.dev.process import LauncherError
    from service.dev.stack import stack
    from service.dev.tokens import with_dev_tokens
    from service.logs import log_plain
    from service.wiring import StartError

    def ready(up: "Stack") -> None:
        try:
            _write_settings(up, env_file)
        except OSError as error:
            fail(OSError(f"{env_file} cannot be written: {error.strerror}"), FAILED)
        (_print_json if as_json else _print_addresses)(up)

    log_plain("INFO")
    with one_line(LauncherError, StartError):
        told = with_dev_tokens(_script(script)) if tokens else _script(script)
        asyncio.run(until_told(stack(told, data, grpc=grpc, http=http, tokens=tokens), ready))


def demo() -> None:
    """Show the outbound sales pipeline, from publishing it to two completed runs."""
    from rich.console import Console

    from service.dev.demo import DemoError, tell
    from service.dev.process import LauncherError
    from service.logs import log_plain
    from service.wiring import StartError

    log_plain("ERROR")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    with one_line(DemoError, LauncherError, StartError):
        asyncio.run(tell(console))


def _script(path: Path | None) -> "Script":
    from service.dev.siblings import Script, read_script

    if path is None:
        return Script()
    try:
        return read_script(path)
    except OSError as error:
        fail(OSError(f"{path} cannot be read: {error.strerror}"), USAGE)
    except ValueError as error:
        fail(ValueError(f"{path}: {error}"), USAGE)


def _write_settings(up: "Stack", path: Path | None) -> None:
    """As a shell reads them; the address of the server is among them for `doctor` and its like."""
    from shlex import quote

    if path is None:
        return
    settings = {**up.surroundings.environment(up.grpc, up.http, tokens=bool(up.tokens)), "WORKFLOWS_ADDRESS": up.grpc}
    if up.tokens:
        settings["WORKFLOWS_TOKEN"] = next(iter(up.tokens))
    path.write_text("".join(f"{name}={quote(value)}\n" for name, value in settings.items()))


def _print_json(up: "Stack") -> None:
    import json

    told = {"grpc": up.grpc, "http": up.http, "postgres": up.dsn, "nats": up.nats_url}
    typer.echo(json.dumps({**told, **({"tokens": list(up.tokens)} if up.tokens else {})}))


def _print_addresses(up: "Stack") -> None:
    typer.echo(
        f"The service is up, with simulated siblings around it. Ctrl-C ends it.\n"
        f"  gRPC        {up.grpc}\n"
        f"  HTTP        http://{up.http}/readyz\n"
        f"  PostgreSQL  {up.dsn}\n"
        f"  NATS        {up.nats_url}"
    )
    if up.tokens:
        typer.echo("Calls need `authorization: Bearer <token>`. These are good:")
    for name, token in up.tokens.items():
        where, scopes = token.organization_id or "every workspace", " ".join(token.scopes)
        typer.echo(f"  {name:<13} {token.subject} in {where}: {scopes}")
