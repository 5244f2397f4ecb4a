"""`workflows serve`: the service until it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, TypeVar

import typer

from service.cli.telling import one_line

T = TypeVar("T")


def add(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine with neither tokens nor TLS.")
    ] = False,
) -> None:
    """Serve until SIGTERM, configured by the environment (see `workflows config`)."""
    gc.disable()  # what is imported is no garbage, and looking for some is a thirteenth of the start
    from dataclasses import replace

    import uvloop

    from service.config import Config
    from service.logs import log_json
    from service.wiring import StartError, running

    gc.enable()
    with one_line(ValueError):
        config = Config.read()
        config = replace(config, insecure=config.insecure or insecure)
        log_json(config.log_level)
    # A quarter more transitions than on asyncio's own loop (make bench, transition_rpc).
    with one_line(StartError), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_told(running(config), lambda service: _settle()))


def _settle() -> None:
    """What was made until now stays until the end: the collector need not look at it again and again. Nor need it come
    every few calls, as they leave hardly any circles behind (a twentieth of a transition, transition_rpc)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


async def until_told(context: AbstractAsyncContextManager[T], ready: Callable[[T], None]) -> None:
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
