"""No server outlives the process that started it, and what a killed one left behind is removed."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.dev import scratch
from service.dev.nats import EmbeddedNats
from service.dev.process import Account, LauncherError
from service.dev.scratch import Scratch
from tests.dev import parent

ENDS_WITHIN = 60.0


@contextmanager
def handle(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends, whoever takes its number later."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_servers_end_when_their_parent_is_killed() -> None:
    command = [sys.executable, "-m", parent.__name__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ExitStack() as handles:
        assert process.stdout is not None
        servers = [handles.enter_context(handle(int(pid))) for pid in process.stdout.readline().split()]
        assert len(servers) == 2
        process.kill()
        for server in servers:
            assert select.select([server], [], [], ENDS_WITHIN)[0], "a server outlived its parent"


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_holds_stays() -> None:
    held = Scratch(Account.ours())
    leave = "import os; from service.dev.scratch import *; print(Scratch(Account.ours()).path); os._exit(1)"
    process = subprocess.run([sys.executable, "-uc", leave], stdout=subprocess.PIPE, text=True, check=False)
    left = Path(process.stdout.strip())
    assert left.is_dir()
    Scratch(Account.ours()).remove()
    assert not left.exists()
    assert held.path.is_dir()
    held.remove()


def test_a_folder_is_in_memory_only_where_there_is_room(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_MEMORY", reachable)
    for room, found in ((0, True), (2**60, False)):
        monkeypatch.setattr(scratch, "_ROOM_BYTES", room)
        held = Scratch(Account.ours(), in_memory=True)
        assert (held.path.parent == reachable) is found
        held.remove()


async def test_a_start_from_another_thread_is_refused() -> None:
    # The server would die with that thread.
    with pytest.raises(LauncherError, match="main one"):
        await asyncio.to_thread(EmbeddedNats().start)
