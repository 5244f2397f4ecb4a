"""Temporary folders that do not pile up.

Owns the folders named `workflows-embedded-*` below the temporary folder. Invariant: a folder whose owner
lives is locked by it, so that whoever finds one unlocked may remove it; that is how the leavings of a killed
process go. Called by the embedded servers, for sockets, data and copied programs.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.dev.process import Account, LauncherError

_PREFIX = "workflows-embedded-"
_LOCK = "lock"
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3
_LONGEST_PARENT = 60  # characters, of the hundred that a Unix socket's path may have


class Scratch:
    """A new temporary folder that `account` owns and reaches, until `remove`; if asked for in memory, where there is
    room for servers."""

    def __init__(self, account: Account, *, in_memory: bool = False) -> None:
        parent = next(_parents(account, in_memory), None)
        if parent is None:
            raise LauncherError(f"no temporary folder is short and reachable for {account.name}; set TMPDIR")
        _sweep(parent, account)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = _hold(self.path)
        shutil.chown(self.path, account.uid, account.gid)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _parents(account: Account, in_memory: bool) -> Iterator[Path]:
    memory = [_MEMORY] if in_memory and _roomy(_MEMORY) else []
    for parent in (*memory, *map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp"))):
        if parent.is_dir() and account.reaches(parent) and len(str(parent)) <= _LONGEST_PARENT:
            yield parent


def _roomy(folder: Path) -> bool:
    """Whether the files of servers fit, and programs may be run there; a container's is often small."""
    if not folder.is_dir():
        return False
    seen = os.statvfs(folder)
    return seen.f_bavail * seen.f_frsize >= _ROOM_BYTES and not seen.f_flag & os.ST_NOEXEC


def _hold(folder: Path) -> int:
    # Locked before it has its name, so that nobody ever finds it free.
    unnamed = folder / "lock.new"
    lock = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(folder / _LOCK)
    return lock


def _sweep(parent: Path, account: Account) -> None:
    owners = (os.geteuid(), account.uid)
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        # Another sweep, or the owner, may be removing the same folder.
        with suppress(FileNotFoundError):
            if lock.parent.stat().st_uid in owners and _free(lock):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _free(path: Path) -> bool:
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
