"""Pages that show a session at a shell: their commands are run as they stand, and what they said is compared.

Ids, times and durations differ from session to session and count as alike; a line `...` stands for any lines.
"""

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ALIKE = (
    (re.compile(r"\b(wfr?|obj|ntf|apr|evt)_[0-9a-f]{8}-[0-9a-f-]{27}"), r"\1_"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?\S*|\d\d:\d\d:\d\d\.\d+"), "TIME"),
    (re.compile(r"\d+s ago|just now|now"), "AGO"),
    (re.compile(r"\d+(\.\d+)?(ms|s)\b"), "SOME"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Spoken:
    """A command, and the lines that it said."""

    command: str
    lines: Sequence[str]


def session(page: Path) -> list[Spoken]:
    return [spoken for block in _BLOCK.findall(page.read_text()) for spoken in _spoken(block)]


async def said(spoken: Sequence[Spoken], folder: Path, environment: Mapping[str, str]) -> list[Spoken]:
    """The same commands, run in one shell, and what they really said."""
    mark = "=====NEXT====="
    workflows = f'workflows() {{ "{sys.executable}" -m service.cli "$@"; }}'
    script = "\n".join((workflows, *(f"{each.command}\necho {mark}" for each in spoken)))
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=folder,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await shell.communicate())[0].decode()
    answers = output.split(f"{mark}\n")
    return [Spoken(each.command, answer.splitlines()) for each, answer in zip(spoken, answers, strict=False)]


def alike(shown: Sequence[str], real: Sequence[str]) -> bool:
    """Whether the lines that are shown are those that were said."""
    pattern = "".join(".*" if line == "..." else re.escape(f"{_plain(line)}\n") for line in shown)
    return re.fullmatch(pattern, "".join(f"{_plain(line)}\n" for line in real), re.DOTALL) is not None


def _plain(line: str) -> str:
    for pattern, alike in _ALIKE:
        line = pattern.sub(alike, line)
    return line.strip()


def _spoken(block: str) -> Iterator[Spoken]:
    command, lines = "", []  # type: ignore[var-annotated]
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield Spoken(command, lines)
            command, lines = line[2:], []
        else:
            lines.append(line)
    yield Spoken(command, lines)
