"""What the embedded servers have in common: one child process, its folder, and the ways to end it.

Owns the life of a server as its users see it. Invariant: `stop` and `kill` keep the files, so that `start`
comes back on the same data and port; `close` also removes what is temporary. Subclassed by PostgreSQL and
NATS.
"""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from service.dev.process import Account, Child, LauncherError, free_port, program
from service.dev.scratch import Scratch


class EmbeddedServer(ABC):
    """A server of our own, as a context manager or by `start` and `close`.

    LauncherError says in one line what is wrong. Start it from the main thread: it dies with that.
    """

    _name: ClassVar[str]
    _stopped_by: ClassVar[signal.Signals]
    _dropped_by: ClassVar[signal.Signals]

    def __init__(self, folder: Path | None, *, in_memory: bool = False) -> None:
        self._in_memory = in_memory
        self._named = folder.absolute() if folder is not None else None
        self._child: Child | None = None
        self._scratch: Scratch | None = None
        self.port = free_port()

    @property
    def running(self) -> bool:
        return self._child is not None

    @property
    def pid(self) -> int:
        """The server's process id, to send it signals; LauncherError when it is not running."""
        if self._child is None:
            raise LauncherError(f"this {self._name} is not running")
        return self._child.pid

    @abstractmethod
    def start(self) -> Self:
        """Start, on the same files and port as before."""

    def stop(self, *, immediate: bool = False) -> None:
        """Stop and keep the files; `immediate` drops everything at once, and the next start recovers."""
        if child := self._give_up():
            child.stop(self._dropped_by if immediate else self._stopped_by)

    def kill(self) -> None:
        """SIGKILL the server with all its workers, and keep the files."""
        if child := self._give_up():
            child.kill()

    def close(self) -> None:
        """Stop and remove what is temporary."""
        self.stop(immediate=self._named is None)
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_scratch(self, account: Account) -> Path:
        self._scratch = self._scratch or Scratch(account, in_memory=self._in_memory)
        return self._scratch.path

    def _run(self, argv: list[str], log: Path, account: Account) -> Child:
        if self._child is not None:
            raise LauncherError(f"this {self._name} is running already")
        self._child = Child(self._name, log, program(argv, self._dropped_by, account))
        return self._child

    def _give_up(self) -> Child | None:
        child, self._child = self._child, None
        return child
