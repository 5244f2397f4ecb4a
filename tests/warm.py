"""The command `workflows` as a process of its own that starts in a moment, forked from one that has imported it.

Importing is most of what `workflows serve` does before it serves, and tests start dozens of them. A fork goes on as the
same command, in an operating system process with an environment and a log of its own. That the command starts from
nothing is shown in `tests/dev`, where that is what a test is about.

Run as a program this is the process that forks. Whoever wants a command sends it the arguments, the environment and the
descriptors of stdout and stderr, and is sent the pid and a pidfd; later it may ask for the exit code. It dies with the
tests, and what it forked dies with it.
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
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import uvloop

from service import cli
from service.dev.process import READY_SECONDS, Child, Spawn, program
from service.dev.service_process import ServiceProcess
from tests.shaken import shaking

MOST_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1
LONGEST_SECONDS = 60.0
IMPORTED_LATE = ("service.config", "service.logs", "service.wiring", "service.dev.stack")
"""What the commands import when they are called."""


def service(environment: Mapping[str, str]) -> ServiceProcess:
    """Like the one of `service.dev`, for tests that start it often."""
    return ServiceProcess(environment, command)


def command(environment: Mapping[str, str]) -> Spawn:
    return lambda log: fork(["serve"], {**os.environ, **environment}, log, log)


def workflows(*args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command with that environment and nothing else, when it has ended; its stdin is empty."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        forked = fork(args, environment, out.fileno(), err.fileno())
        try:
            forked.wait(LONGEST_SECONDS)
        finally:
            forked.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(args, exit_code(forked), out.read(), err.read())


def fork(args: Sequence[str], environment: Mapping[str, str], *outs: int) -> "Forked":
    _, connection = forker()
    socket.send_fds(connection, [json.dumps([args, dict(environment)]).encode()], outs)
    pid, (descriptor,), _, _ = socket.recv_fds(connection, MOST_BYTES, 1)
    return Forked(int(pid), descriptor)


def exit_code(ended: "Forked") -> int:
    _, connection = forker()
    connection.sendall(json.dumps(ended.pid).encode())
    return int(connection.recv(MOST_BYTES))


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
    uvloop.new_event_loop = shaking(uvloop.new_event_loop)  # type: ignore[assignment]
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        while asked := socket.recv_fds(connection, MOST_BYTES, 2):
            match json.loads(asked[0] or "null"):
                case [args, environment]:
                    answer(connection, args, environment, asked[1])
                case int(pid):
                    connection.sendall(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                case _:
                    return


def answer(connection: socket.socket, args: Sequence[str], environment: Mapping[str, str], outs: Sequence[int]) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        connection.close()
        become(parent, args, environment, outs)
    descriptor = os.pidfd_open(pid)
    socket.send_fds(connection, [str(pid).encode()], [descriptor])
    for each in (descriptor, *outs):
        os.close(each)


def become(parent: int, args: Sequence[str], environment: Mapping[str, str], outs: Sequence[int]) -> NoReturn:
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for own, out in zip((sys.stdout, sys.stderr), outs, strict=True):
        os.dup2(out, own.fileno())
        os.close(out)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["workflows", *args]
    cli.main()
    sys.exit()


if __name__ == "__main__":
    main(*sys.argv[1:])
