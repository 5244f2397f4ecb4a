"""The command `workflows`: what people and platforms run.

Each command is a few lines over the part that does the work, which it imports itself, so that `--help` is instant.
Invariant: whatever an operator can get wrong ends in one line on stderr and exit code 1, never in a traceback.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from service.dev.siblings import Script
    from service.dev.stack import Stack
    from service.store.migrate import Migrator

T = TypeVar("T")

FAILED = 1
NOT_CURRENT = 3

app = typer.Typer(
    help="Runs business processes as versioned graphs of steps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, passwords among them
)
migrate = typer.Typer(
    help="Move the schema of the database DATABASE_URL (or MIGRATE_DATABASE_URL, where its owner is another user).",
    no_args_is_help=True,
)
app.add_typer(migrate, name="migrate")


def main() -> None:
    # gRPC's core writes lines of its own to stderr, where ours are JSON; its errors reach us as exceptions anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    forbid_old_tls()
    app()


def forbid_old_tls() -> None:
    """The only way to tell gRPC to speak nothing older than TLS 1.3: leave it no cipher of 1.2 that certificates fit.

    It is read when gRPC is loaded, so this comes first. An operator who has to serve old clients sets it otherwise.
    """
    os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-PSK-AES128-CBC-SHA")


# --- what runs ----------------------------------------------------------------------------------------------------


@app.command()
def serve(
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine with neither tokens nor TLS.")
    ] = False,
) -> None:
    """Serve until SIGTERM, configured by the environment (see `workflows config`)."""
    from dataclasses import replace

    import uvloop

    from service.config import Config
    from service.logs import log_json
    from service.wiring import StartError, running

    with _one_line(ValueError):
        config = Config.read()
        config = replace(config, insecure=config.insecure or insecure)
        log_json(config.log_level)
    # A quarter more transitions than on asyncio's own loop (make bench, transition_rpc).
    with _one_line(StartError), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(running(config), lambda service: None))


@app.command()
def dev(
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder; otherwise it is temporary.")] = None,
    script: Annotated[Path | None, typer.Option(help="What the simulated siblings do, as JSON.")] = None,
    grpc: Annotated[str, typer.Option(help="Where gRPC listens; port 0 is any free one.")] = "127.0.0.1:0",
    http: Annotated[str, typer.Option(help="Where /healthz, /readyz and /metrics listen.")] = "127.0.0.1:0",
    tokens: Annotated[bool, typer.Option("--tokens", help="Ask callers for tokens, and print some.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one line of JSON.")] = False,
) -> None:
    """Run the service with PostgreSQL, NATS and simulated siblings until Ctrl-C."""
    from service.dev.process import LauncherError
    from service.dev.stack import stack
    from service.dev.tokens import with_dev_tokens
    from service.logs import log_plain
    from service.wiring import StartError

    log_plain("INFO")
    with _one_line(LauncherError, StartError):
        told = with_dev_tokens(_script(script)) if tokens else _script(script)
        up = stack(told, data, grpc=grpc, http=http, tokens=tokens)
        asyncio.run(_until_told(up, _print_json if as_json else _print_addresses))


@app.command()
def demo() -> None:
    """Show the outbound sales pipeline, from publishing it to two completed runs."""
    from rich.console import Console

    from service.dev.demo import DemoError, tell
    from service.dev.process import LauncherError
    from service.logs import log_plain
    from service.wiring import StartError

    log_plain("ERROR")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    with _one_line(DemoError, LauncherError, StartError):
        asyncio.run(tell(console))


@app.command()
def config(
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="List the metrics instead, as a Markdown table.")] = False,
) -> None:
    """List every setting that `workflows serve` reads from the environment."""
    from service.config import table

    if metrics:
        from service.observing.metrics import markdown as markdown_of_metrics

        typer.echo(markdown_of_metrics())
        return
    if markdown:
        rows = (f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |" for name, default, meaning in table())
        typer.echo("\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]))
        return
    for name, default, meaning in table():
        typer.echo(f"{name}\n    {meaning}\n    default: {default or 'empty'}")


@app.command()
def purge(
    workspace: Annotated[str | None, typer.Option(help="Of this workspace only; otherwise of every one.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="COMPLETED, FAILED or CANCELLED; may be repeated.")] = None,
    older_than: Annotated[str, typer.Option(help="Ended that long ago, 90d say; otherwise by the policies.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many runs; a family goes whole.")] = 100_000,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="So many runs in one transaction.")] = 100,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
) -> None:
    """Remove ended runs with all there is of them, straight from the database DATABASE_URL."""
    from functools import partial

    from service import cli_purge
    from service.config import retention_seconds
    from service.engine.ports import StoreUnavailable
    from service.engine.retention import Wanted
    from service.store.migrate import SchemaMismatch

    with _one_line(ValueError, SchemaMismatch, StoreUnavailable):
        chosen, age = cli_purge.states_of(state or ()), cli_purge.seconds_of(older_than) if older_than else None
        how = partial(Wanted, limit=limit, batch=batch, dry_run=dry_run)
        done = asyncio.run(cli_purge.purge(_database(), workspace, chosen, age, retention_seconds(), how))
    typer.echo("\n".join(cli_purge.told(done, dry_run=dry_run)))


# --- migrate ------------------------------------------------------------------------------------------------------


@migrate.command()
def up(target: Annotated[int | None, typer.Argument(help="The last migration to apply.")] = None) -> None:
    """Apply what is pending."""
    with _migrator() as migrator:
        applied = asyncio.run(migrator.up(target))
    _tell_moves("applied", [f"{one.version:04} {one.name}" for one in applied])


@migrate.command()
def down(target: Annotated[int, typer.Argument(help="The migration to go back to; 0 takes back everything.")]) -> None:
    """Take migrations back, newest first, with all data in their tables."""
    with _migrator() as migrator:
        taken = asyncio.run(migrator.down(target))
    _tell_moves("took back", [f"{one.version:04} {one.name}" for one in taken])


@migrate.command()
def status() -> None:
    """Say which migrations the database has seen. Exit code 3 unless it has seen exactly ours."""
    with _migrator() as migrator:
        found = asyncio.run(migrator.status())
    for one in found:
        applied = "pending" if one.applied_at is None else f"applied {one.applied_at:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"{one.version:04} {one.name:<20} {applied}{', edited since' if one.edited else ''}")
    verify()


@migrate.command("list")
def list_known() -> None:
    """List the migrations of this release."""
    from service.store.migrate import migrations

    for one in migrations():
        typer.echo(f"{one.version:04} {one.name:<20} sha256 {one.sha256}")


@migrate.command()
def script() -> None:
    """Print all migrations as SQL that can be run by hand, any number of times."""
    from service.store.migrate import Migrator

    typer.echo(Migrator("").script(), nl=False)


@migrate.command()
def verify() -> None:
    """Check that the schema is the one of this release. Exit code 3 when it is not."""
    from service.store.migrate import SchemaMismatch

    with _migrator() as migrator:
        try:
            asyncio.run(migrator.check_current())
        except SchemaMismatch as mismatch:
            _fail(mismatch, NOT_CURRENT)


# --- what they share ----------------------------------------------------------------------------------------------


async def _until_told(context: AbstractAsyncContextManager[T], ready: Callable[[T], None]) -> None:
    """Stay inside the context until SIGINT or SIGTERM, which counts while it is entered, too; a second one kills."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = asyncio.Event()

    def leave() -> None:
        told.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
    try:
        async with context as entered:
            ready(entered)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not told.is_set():
            raise


@contextmanager
def _one_line(*expected: type[Exception]) -> Iterator[None]:
    """What an operator can get wrong, told in one line."""
    try:
        yield
    except expected as error:
        _fail(error, FAILED)


def _fail(error: Exception, code: int) -> NoReturn:
    typer.echo(f"workflows: {' '.join(str(error).split())}", err=True)
    raise typer.Exit(code)


@contextmanager
def _migrator() -> "Iterator[Migrator]":
    from service.engine.ports import StoreUnavailable
    from service.store.migrate import Migrator, SchemaMismatch

    url = os.environ.get("MIGRATE_DATABASE_URL") or os.environ.get("DATABASE_URL")
    with _one_line(SchemaMismatch, StoreUnavailable):
        if not url:
            raise StoreUnavailable("DATABASE_URL is not set")
        yield Migrator(url)


def _database() -> str:
    """Raises ValueError."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise ValueError("DATABASE_URL is not set")
    return url


def _tell_moves(verb: str, moved: list[str]) -> None:
    for one in moved:
        typer.echo(f"{verb} {one}")
    if not moved:
        typer.echo("nothing to do")


def _script(path: Path | None) -> "Script":
    from service.dev.siblings import Script, read_script

    if path is None:
        return Script()
    with _one_line(OSError, ValueError):
        return read_script(path)


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


if __name__ == "__main__":
    main()
