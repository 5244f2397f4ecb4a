"""Child processes that never outlive us.

Owns how the embedded servers are spawned, watched and ended. Invariant: a child dies when the thread that
spawned it does, however that came about.

The binding is made by `bound.py`, which runs between our spawn and the server's exec: a hook in our own
process (`preexec_fn`) would fork every thread's locks, gRPC's among them. Called by the launchers of
PostgreSQL and NATS.
"""

import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

READY_SECONDS = 30.0
STOP_SECONDS = 20.0
_BELOW_EPHEMERAL = range(20_000, 32_000)


class LauncherError(RuntimeError):
    """A server could not be started or stopped; the message is one line for the person at the terminal."""


class Account(NamedTuple):
    """The user and group a child runs as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def ours(cls) -> "Account":
        return cls("this user", os.geteuid(), os.getegid())

    def reaches(self, folder: Path) -> bool:
        """Whether every folder on the way to `folder`, itself included, lets this account through."""
        if self.uid == os.geteuid():
            return os.access(folder, os.X_OK)
        return all(self._passes(part) for part in (folder, *folder.parents))

    def _passes(self, folder: Path) -> bool:
        found = folder.stat()
        needed = 0o100 if found.st_uid == self.uid else 0o010 if found.st_gid == self.gid else 0o001
        return bool(found.st_mode & needed)


class Process(Protocol):
    """What we ask of an operating system process, as `subprocess` has it."""

    pid: int

    def poll(self) -> int | None: ...
    def send_signal(self, sig: int) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


Spawn = Callable[[int], Process]
"""Starts a process that dies with us and writes to that file descriptor."""


class Child:
    """One running server and its log file."""

    def __init__(self, name: str, log: Path, spawn: Spawn) -> None:
        self.name, self._log = name, log
        with log.open("ab") as out:
            self._start_of_log = out.tell()
            self._process = spawn(out.fileno())

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self, probe: Callable[[], bool]) -> None:
        """Return once `probe` holds; LauncherError when the process ends first or after READY_SECONDS."""
        deadline = time.monotonic() + READY_SECONDS
        while not probe():
            if self._process.poll() is not None:
                raise LauncherError(f"{self.name} ended while starting: {self._last_words()}")
            if time.monotonic() > deadline:
                self.kill()
                raise LauncherError(f"{self.name} was not ready in {READY_SECONDS:.0f} s; see {self._log}")
            time.sleep(0.01)

    def stop(self, by: signal.Signals) -> None:
        """Send `by` and wait for the end, at most STOP_SECONDS; then kill."""
        self._process.send_signal(by)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LauncherError(f"{self.name} did not stop in {STOP_SECONDS:.0f} s and was killed") from None

    def kill(self) -> None:
        """SIGKILL the process and the workers it forked, as a machine that loses power would."""
        # A server whose workers live on refuses to start again on the same files.
        workers = [os.pidfd_open(pid) for pid in _children(self.pid)]
        self._process.kill()
        self._process.wait()
        for worker in workers:
            _kill_and_wait(worker)

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._start_of_log)
            return _reason(log.read())


def run_to_end(name: str, argv: list[str], account: Account) -> None:
    """Run a short-lived tool; LauncherError with its last line when it fails."""
    with tempfile.TemporaryFile() as out:
        code = _spawn(argv, out.fileno(), signal.SIGKILL, account).wait()
        out.seek(0)
        if code != 0:
            raise LauncherError(f"{name} failed: {_reason(out.read())}")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    # Below the ephemeral range: a client that reconnects while the server is down could otherwise be given
    # this very port as its own and connect to itself.
    for port in random.sample(_BELOW_EPHEMERAL, 100):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _bound(candidate, port):
                return port
    raise LauncherError("no free TCP port between 20000 and 32000")


def program(argv: list[str], dies_by: signal.Signals, account: Account | None = None) -> Spawn:
    """How a `Child` runs this command line, as that account or as ourselves."""
    return lambda out: _spawn(argv, out, dies_by, account or Account.ours())


def _spawn(argv: list[str], out: int, dies_by: signal.Signals, account: Account) -> subprocess.Popen[bytes]:
    if threading.current_thread() is not threading.main_thread():
        raise LauncherError("embedded servers die with the thread that starts them: start them from the main one")
    bound = Path(__file__).with_name("bound.py")
    identity = [str(number) for number in (os.getpid(), int(dies_by), account.uid, account.gid)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(bound), *identity, *argv],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,  # Ctrl-C is for us; we stop the servers after the service has drained
    )


def _bound(candidate: socket.socket, port: int) -> bool:
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _kill_and_wait(worker: int) -> None:
    try:
        signal.pidfd_send_signal(worker, signal.SIGKILL)
        select.select([worker], [], [], STOP_SECONDS)
    except ProcessLookupError:
        pass
    finally:
        os.close(worker)


def _reason(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    # PostgreSQL follows its reason with hints.
    return next((line for line in lines if "FATAL:" in line), lines[-1]).strip()
