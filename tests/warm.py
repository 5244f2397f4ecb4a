"""The service as a process of its own that starts in a moment: forked from one that has imported everything.

Importing is most of what `workflows serve` does before it serves, and the tests that kill replicas start dozens of
them. A fork goes on as the same command, in an operating system process with an environment and a log of its own. That
the command starts from nothing is shown in `tests/dev`.

Run as a program this is the process that forks. Whoever wants a service sends it an environment and the descriptor of
a log, and is sent the pid and a pidfd. It dies with the tests, and what it forked dies with it.
"""

import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from service import cli
from service.dev.process import READY_SECONDS, Child, Spawn, program
from service.dev.service_process import ServiceProcess

MOST_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1
IMPORTED_LATE = ("uvloop", "service.config", "service.logs", "service.wiring")
"""What `serve` imports when it is called."""


def service(environment: Mapping[str, str]) -> ServiceProcess:
    """For tests that start it often; else like the one of `service.dev`."""
    return ServiceProcess(environment, command)


def command(environment: Mapping[str, str]) -> Spawn:
    def spawn(log: int) -> Forked:
        _, connection = forker()
        socket.send_fds(connection, [json.dumps(dict(environment)).encode()], [log])
        pid, (descriptor,), _, _ = socket.recv_fds(connection, MOST_BYTES, 1)
        return Forked(int(pid), descriptor)

    return spawn


@cache
def forker() -> tuple[Child, socket.socket]:
    """The process that forks, which is started for the first who asks, and the way to it."""
    with tempfile.TemporaryDirectory(prefix="workflows-warm-") as folder, socket.socket(socket.AF_UNIX) as listening:
        address = f"{folder}/socket"
        listening.bind(address)
        listening.listen()
        listening.settimeout(READY_SECONDS)
        argv = [sys.executable, "-m", "tests.warm", address]
        child = Child("the warm service", Path(folder) / "log", program(argv, signal.SIGKILL))
        return child, listening.accept()[0]


class Forked:
    """A process that is not our child, as `subprocess` would have it; its exit code is its parent's secret."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self._descriptor = pid, descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def poll(self) -> int | None:
        return 0 if self._ended(0) else None

    def send_signal(self, sig: int) -> None:
        signal.pidfd_send_signal(self._descriptor, sig)

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired("workflows serve", timeout or 0)
        return 0

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready)


# --- in the process that forks -----------------------------------------------------------------------------------


def main(address: str) -> None:
    cli.forbid_old_tls()
    for name in IMPORTED_LATE:
        import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        while True:
            environment, logs, _, _ = socket.recv_fds(connection, MOST_BYTES, 1)
            if not logs:
                return
            answer(connection, json.loads(environment), logs[0])


def answer(connection: socket.socket, environment: Mapping[str, str], log: int) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        connection.close()
        serve(parent, environment, log)
    os.close(log)
    descriptor = os.pidfd_open(pid)
    socket.send_fds(connection, [str(pid).encode()], [descriptor])
    os.close(descriptor)


def serve(parent: int, environment: Mapping[str, str], log: int) -> NoReturn:
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for out in (sys.stdout, sys.stderr):
        os.dup2(log, out.fileno())
    os.close(log)
    os.environ.update(environment)
    sys.argv = ["workflows", "serve"]
    cli.main()
    sys.exit()


if __name__ == "__main__":
    main(*sys.argv[1:])
