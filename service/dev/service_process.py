"""The service as a process of its own: `workflows serve`, to be stopped, killed and started again.

Owns one operating system process and its log. Invariants: its addresses stay the same over every start, and it dies
with us. Ready means that /readyz says so: database and bus answer. Called by the crash tests and the benchmarks, with
the environment that `stack.surroundings` gives.
"""

import asyncio
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from service.dev.process import Child, LauncherError, Spawn, free_port, program

_READY_SECONDS = 1.0


def command_line(environment: Mapping[str, str]) -> Spawn:
    """`workflows serve` as anybody would call it."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    argv = ["/usr/bin/env", *settings, sys.executable, "-m", "service.cli", "serve"]
    return program(argv, signal.SIGKILL)


class ServiceProcess:
    """`environment` is what `workflows serve` reads; the addresses in it are replaced by free ones of our choice.

    As an async context manager it starts and stops the process; between the two, `kill` and `start` at will. Raises
    LauncherError, with the process' own last line when it ended by itself. `command` is how to run it.
    """

    def __init__(
        self, environment: Mapping[str, str], command: Callable[[Mapping[str, str]], Spawn] = command_line
    ) -> None:
        self.grpc, self.http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._environment = {**environment, "GRPC_ADDRESS": self.grpc, "HTTP_ADDRESS": self.http}
        self._command = command
        self._folder = tempfile.TemporaryDirectory(prefix="workflows-serve-")
        self._child: Child | None = None

    @property
    def log(self) -> Path:
        """What every start wrote, one after the other."""
        return Path(self._folder.name) / "serve.log"

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> None:
        """Returns when it is ready."""
        self.launch()
        await self.wait_ready()

    def launch(self) -> None:
        """Start it and do not wait."""
        if self._child is not None:
            raise LauncherError("this service is running already")
        self._child = Child("workflows serve", self.log, self._command(self._environment))

    async def wait_ready(self) -> None:
        """In a thread: what the service waits for may be served by this one."""
        await asyncio.to_thread(self._running().wait_ready, self._ready)

    async def stop(self) -> None:
        """SIGTERM, and wait until it has finished what it had in hand."""
        child, self._child = self._running(), None
        await asyncio.to_thread(child.stop, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, at this very moment."""
        child, self._child = self._running(), None
        child.kill()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._child is not None:
                await self.stop()
        finally:
            self._clean_up()

    def _running(self) -> Child:
        if self._child is None:
            raise LauncherError("this service is not running")
        return self._child

    def _clean_up(self) -> None:
        if self._child is not None:
            self.kill()
        self._folder.cleanup()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=_READY_SECONDS):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False
