"""At a terminal: questions are asked and answered, colours are shown unless nobody wants them, pipes may close."""

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.console.files import person
from tests.console.shell import Desk, Shell
from tests.console.test_runs import AT_ONCE, WAITS, started


async def typed(shell: Shell, answer: str, *words: str, **environment: str) -> tuple[int, str]:
    """The exit code, and what the terminal showed."""
    ours, theirs = pty.openpty()
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **shell.environment, **environment},
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = await asyncio.to_thread(_drained, ours)
    return await command.wait(), shown


def _drained(terminal: int) -> str:
    """Until nobody has the other end any more."""
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:  # so Linux says that it is closed
        pass
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.fixture
async def name(shell: Shell, tmp_path: Path) -> str:
    path, name = person(tmp_path, text=WAITS)
    await shell.done("definitions", "apply", "-f", str(path))
    return name


async def test_a_question_is_asked(desk: Desk, shell: Shell, name: str) -> None:
    run_id = await started(shell, name)
    words = ("runs", "cancel", "--where", f"definition={name}")
    code, shown = await typed(shell, "\n", *words)
    assert code == 1
    assert "Cancel 1 run? [y/N]" in shown
    assert "nothing was changed" in shown
    code, shown = await typed(shell, "y\n", *words)
    assert code == 0
    assert "1 changed" in shown
    assert (await shell("runs", "wait", run_id)).code == 7


async def test_colours_are_shown_unless_nobody_wants_them(desk: Desk, shell: Shell, name: str) -> None:
    await started(shell, name)
    words = ("runs", "list", "--definition", name)
    assert "\x1b[36mRUNNING" in (await typed(shell, "", *words))[1]
    assert "\x1b[36m" not in (await typed(shell, "", *words, NO_COLOR="1"))[1]


async def test_progress_is_shown_line_by_line(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path, text=AT_ONCE)
    await shell.done("definitions", "apply", "-f", str(path))
    code, shown = await typed(shell, "", "runs", "start", name, "--wait")
    assert code == 0
    assert "run started" in shown
    assert "run completed" in shown
    assert "waiting for its end" in shown


async def test_a_reader_may_go_away(desk: Desk, shell: Shell, name: str) -> None:
    for _ in range(3):
        await started(shell, name)
    piped = await asyncio.create_subprocess_shell(
        f"{sys.executable} -m service.cli runs list --json | head -c 1",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **shell.environment},
    )
    out, said = await piped.communicate()
    assert (out, said) == (b"{", b"")
