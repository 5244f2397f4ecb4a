"""How a command ends: its exit codes, and the one exception for everything that ends it early.

The codes are a promise to scripts, listed in docs/command-line.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

DONE = 0
FAILED = 1  # refused, or failed in another way
USAGE = 2  # the command line, a file or a value cannot be read
NOT_CURRENT = 3  # there is one already, or something is not as it should be
NOT_FOUND = 4
UNAVAILABLE = 5  # no answer, not in time, or too busy
DENIED = 6
RUN_FAILED = 7  # the run that was waited for ended badly
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    FAILED: "failed or refused; of many runs, some were",
    USAGE: "the command line, a file or a value cannot be read",
    NOT_CURRENT: "it exists already, or is not as it should be (`migrate status`, `definitions diff --exit-code`)",
    NOT_FOUND: "not found",
    UNAVAILABLE: "no answer, not in time, or too busy",
    DENIED: "not allowed, or not known who asks",
    RUN_FAILED: "the run that was waited for did not complete",
    INTERRUPTED: "interrupted by Ctrl-C",
}


class Failed(Exception):
    """Ends a command: one sentence, an exit code, more lines below it, and the same for programs."""

    def __init__(
        self, message: str, code: int = FAILED, lines: Sequence[str] = (), about: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.lines = tuple(lines)
        self.about = dict(about or {})
