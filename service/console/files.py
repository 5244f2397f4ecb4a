"""Files that the command line names, and stdin, as text of bearable size.

What is larger is refused before anybody parses it: nothing that a server takes is, and a parser's trees are many times
the size of a text. Called by those who read definitions, inputs and tokens.
"""

import sys
from pathlib import Path
from typing import BinaryIO

from service.console.exits import USAGE, Failed

MOST_BYTES = 2 * 1024 * 1024


def text_of(path: Path) -> str:
    """Raises Failed (usage)."""
    try:
        with path.open("rb") as file:
            return _bounded(str(path), file)
    except (OSError, ValueError) as error:
        raise Failed(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", USAGE) from None


def stdin_text() -> str:
    """Raises Failed (usage)."""
    try:
        return _bounded("stdin", sys.stdin.buffer)
    except ValueError as error:
        raise Failed(f"stdin cannot be read: {error}", USAGE) from None


def _bounded(name: str, file: BinaryIO) -> str:
    found = file.read(MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise Failed(f"{name} is larger than {MOST_BYTES // 1024**2} MiB, the most that is read", USAGE)
    return found.decode()
