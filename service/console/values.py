"""Values on the command line: JSON objects as they are, from a file or stdin; and files to write."""

from pathlib import Path
from typing import Any

from service.console import documents, show
from service.console.documents import Document
from service.console.exits import USAGE, Failed


def mapping(text: str | None, option: str) -> dict[str, Any] | None:
    """The object of `{...}`, `@file` or `-`, given with the option of that name. Raises Failed (usage)."""
    if text is None:
        return None
    if text == "-":
        found = documents.read(documents.STDIN)
    elif text.startswith("@"):
        found = documents.read(Path(text[1:]))
    else:
        found = [Document(option, documents.parsed(option, text))]
    if len(found) != 1 or not isinstance(found[0].value, dict):
        raise Failed(f"{found[0].file} has to be one JSON object", USAGE)
    return found[0].value


def write(text: str, output: Path | None) -> None:
    """To the file, or as the answer. Raises Failed."""
    if output is None:
        show.raw(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error.strerror}") from None
    show.say(f"written to {output}")
