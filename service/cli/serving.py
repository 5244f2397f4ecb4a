"""What runs until it is told to stop: `serve`, `dev` and `demo`; and `config`, which lists what they read."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.cli.telling import Json, answer, one_line

if TYPE_CHECKING:
    from service.dev.siblings import Script
    from service.dev.stack import Stack

T = TypeVar("T")


def add(app: typer.Typer) -> None:
    for command in (serve, dev, demo, config):
        app.command()(command)


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

    with one_line(ValueError):
        config = Config.read()
        config = replace(config, insecure=config.insecure or insecure)
        log_json(config.log_level)
    # A quarter more transitions than on asyncio's own loop (make bench, transition_rpc).
    with one_line(StartError), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(running(config), lambda service: _settle()))


def _settle() -> None:
    """What was made until now stays until the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


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
        with one_line(OSError):
            _write_settings(up, env_file)
        (_print_json if as_json else _print_addresses)(up)

    log_plain("INFO")
    with one_line(LauncherError, StartError):
        told = with_dev_tokens(_script(script)) if tokens else _script(script)
        asyncio.run(_until_told(stack(told, data, grpc=grpc, http=http, tokens=tokens), ready))


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


def _script(path: Path | None) -> "Script":
    from service.dev.siblings import Script, read_script

    if path is None:
        return Script()
    with one_line(OSError, ValueError):
        return read_script(path)


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
