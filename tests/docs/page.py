"""Reading docs/steps.md: its sections, its tables of config keys, and its blocks of JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/steps.md"
COMMON = "What all steps have in common"

_BLOCK = re.compile(r"^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^\| `([a-z_.]+)` \|", re.MULTILINE)
_CONFIG = re.compile(r"^\| key \| type \| default \| meaning \|\n.*?(?=\n\n)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One version, as it is written, with what the page says may happen to its run."""

    title: str
    graph: dict[str, Any]
    payload: dict[str, Any]
    event: dict[str, Any] | None
    handed_in: dict[str, Any]


def sections() -> dict[str, str]:
    """The text below each heading of the second level."""
    _, *parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def keys(title: str) -> set[str]:
    """The config keys that a section documents, `above.below` for those within an object."""
    (table,) = _CONFIG.findall(sections()[title])
    return set(_KEY.findall(table))


def examples() -> Iterator[Example]:
    payload = _blocks(PAGE.read_text())[0]["input"]
    for title, text in sections().items():
        for name, part in _parts(title, text):
            yield from _example(name, part, payload)


def _parts(title: str, text: str) -> Iterator[tuple[str, str]]:
    main, *below = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    yield title, main
    yield from zip(below[::2], below[1::2], strict=True)


def _example(title: str, text: str, payload: dict[str, Any]) -> Iterator[Example]:
    blocks = _blocks(text)
    event = next((block for block in blocks if "type" in block), None)
    handed_in: dict[str, Any] = next((block["output"] for block in blocks if "output" in block), {})
    for block in blocks:
        if "steps" in block:
            yield Example(title, block, payload, event, handed_in)


def _blocks(text: str) -> list[dict[str, Any]]:
    return [json.loads(found) for found in _BLOCK.findall(text)]
