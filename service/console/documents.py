"""YAML 1.2 and JSON files as plain values that know the line they stand on.

A file is read as nodes and turned into values here, so nothing in it can name a class; what YAML takes for a date stays
the text that it is. A file holds one document or several. JSON is YAML but for its escapes, so it is read as JSON.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from service.console.exits import USAGE, Failed
from service.console.files import stdin_text, text_of

STDIN = Path("-")
MOST_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})

At = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`lines` says for the way to a value (`("steps", 2, "id")`) where it stands; empty for JSON."""

    file: str
    value: Any
    lines: dict[At, int] = field(default_factory=dict)

    def place(self, at: At) -> str:
        """`pipeline.yaml:23`, of the value or of what is nearest around it."""
        while at and at not in self.lines:
            at = at[:-1]
        line = self.lines.get(at)
        return f"{self.file}:{line}" if line else self.file


def read(path: Path) -> list[Document]:
    """Raises Failed (usage)."""
    name, text = ("stdin", stdin_text()) if path == STDIN else (str(path), text_of(path))
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):  # YAML's flow style begins like this, too
            return [Document(name, json.loads(text, parse_constant=_no_number))]
    found = list(_documents(name, text))
    if not found:
        raise Failed(f"{name} is empty", USAGE)
    return found


def parsed(name: str, text: str) -> Any:
    """A value in JSON. Raises Failed (usage)."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Failed(f"{name} is no JSON: {error}", USAGE) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _documents(name: str, text: str) -> Iterator[Document]:
    yaml = YAML(typ="safe", pure=True)
    try:
        constructor, _ = yaml.get_constructor_parser(text)
        while constructor.check_data():
            reader = _Reader(name, constructor)
            value = reader.value(constructor.composer.get_node(), ())
            if value is not None:
                yield Document(name, value, reader.lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise Failed(f"{place}: {error.problem or error.context}", USAGE) from None
    except YAMLError as error:
        raise Failed(f"{name} cannot be read: {' '.join(str(error).split())}", USAGE) from None
    except RecursionError:
        raise Failed(f"{name} cannot be read: it is nested too deeply", USAGE) from None
    except IndexError:  # of the library, over a directive that it does not expect
        raise Failed(f"{name} cannot be read: it is no YAML 1.2", USAGE) from None


class _Reader:
    def __init__(self, name: str, constructor: Any) -> None:
        self.lines: dict[At, int] = {}
        self._name = name
        self._constructor = constructor
        self._nodes = 0
        self._checked: set[int] = set()

    def value(self, node: Node, at: At) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            self._fail(node, "holds too much")
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, MappingNode):
            return self._mapping(node, at)
        return [self.value(each, (*at, index)) for index, each in enumerate(node.value)]

    def _mapping(self, node: MappingNode, at: At) -> dict[str, Any]:
        self._check_keys(node)
        self._constructor.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            self.lines[(*at, key)] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*at, key))
        return found

    def _check_keys(self, node: MappingNode) -> None:
        """Before what `<<` merges comes in, whose keys may be said anew; a node can be met again as an alias."""
        if id(node) in self._checked:
            return
        self._checked.add(id(node))
        known: set[str] = set()
        for key_node, _ in node.value:
            key = self._key(key_node)
            if key in known:
                self._fail(key_node, f"{key} is there twice")
            known.add(key)

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            self._fail(node, "a key has to be text")
        return str(node.value)

    def _scalar(self, node: ScalarNode) -> Any:
        kind = node.tag.removeprefix(_TAG) if isinstance(node.tag, str) else str(node.ctag).removeprefix(_TAG)
        if kind not in _SCALARS:
            self._fail(node, f"{kind} is not known here")
        if kind in ("str", "timestamp"):
            return str(node.value)
        try:
            return self._constructor.construct_object(node)
        except (ValueError, KeyError, IndexError):  # what a tag says of it is not so, or a number has no end
            self._fail(node, f"is no {kind}")

    def _fail(self, node: Node, what: str) -> NoReturn:
        raise Failed(f"{self._name}:{node.start_mark.line + 1}: {what}", USAGE)
