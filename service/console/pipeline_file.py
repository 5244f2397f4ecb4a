"""A definition as a file: `workflows.v1` in words that people write.

A document is the graph as protojson has it (PublishVersionRequest), with the names of the contract or shorter ones
(`type`, `timeout`, `retry`; `from`, `to`, `when` of an edge, or the edge as `a -> b`), enums without their prefix in
any case, and durations like `15m`. Beside it stand `workspace`, `name`, `description` and `tags`, or a `definition_id`,
and the version's `input_schema` and `output_schema`.

`read` finds everything that is wrong with a document at once, each with its line. `pipeline_text` is the way back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from workflows.v1 import workflows_pb2 as pb

from service.console import documents, moments
from service.console.contract import prefix
from service.console.documents import At, Document
from service.console.exits import USAGE, Failed
from service.console.pipeline_words import ENUM_NAMES, FLOATS, SHORT, with_prefix

_ABOUT = {
    "workspace": "workspace",
    "workspace_id": "workspace",
    "name": "name",
    "description": "description",
    "tags": "tags",
}
_SCHEMAS = ("input_schema", "output_schema")
_VERSION = pb.PublishVersionRequest.DESCRIPTOR
_INTEGERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a document asks for. `request` is the version, with `definition_id` set only where the file says it."""

    document: Document
    workspace: str
    name: str
    description: str
    tags: tuple[str, ...]
    request: pb.PublishVersionRequest
    schemas: Mapping[str, Any]
    ways: Mapping[str, At]

    @property
    def title(self) -> str:
        return self.name or self.request.definition_id

    def place(self, path: str) -> str:
        """Where in the file a field of the request stands, or what is nearest around it."""
        while path and path not in self.ways:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.document.place(self.ways.get(path, ()))


def read_all(paths: Iterable[Path]) -> list[Wanted]:
    """Every document of the files. Raises Failed (usage)."""
    return [read(document) for path in paths for document in documents.read(path)]


def read(document: Document) -> Wanted:
    """Raises Failed (usage) with everything that is wrong."""
    reading = _Reading(document)
    found = reading.document()
    if reading.wrong:
        lines = reading.wrong[1:]
        first = reading.wrong[0] + (f" (and {len(lines)} more)" if lines else "")
        raise Failed(first, USAGE, lines, {"wrong": list(reading.wrong)})
    return found


class _Reading:
    def __init__(self, document: Document) -> None:
        self._document = document
        self.wrong: list[str] = []
        self.ways: dict[str, At] = {}

    def document(self) -> Wanted:
        value = self._document.value
        if not isinstance(value, dict):
            self._note((), "has to be a mapping with `name` and `steps`")
            value = {}
        about = {
            _ABOUT[key]: self._about(key, each) for key, each in value.items() if key in _ABOUT and each is not None
        }
        schemas = {key: self._struct(value[key] or {}, (key,), key) for key in _SCHEMAS if key in value}
        graph = {key: each for key, each in value.items() if key not in _ABOUT and key not in _SCHEMAS}
        version = self.message(_VERSION, graph, (), "", also=(*_ABOUT, *_SCHEMAS))
        if not about.get("name") and not version.get("definition_id"):
            self._note((), "needs a `name` (or a `definition_id`)")
        request = ParseDict(version, pb.PublishVersionRequest()) if not self.wrong else pb.PublishVersionRequest()
        return Wanted(
            self._document,
            about.get("workspace", ""),
            about.get("name", ""),
            about.get("description", ""),
            tuple(about.get("tags", ())),
            request,
            schemas,
            self.ways,
        )

    def _about(self, key: str, value: Any) -> Any:
        if key == "tags":
            return [self._text(each, (key, at)) for at, each in enumerate(self._list(value, (key,)))]
        return self._text(value, (key,))

    def message(self, kind: Descriptor, value: Any, at: At, path: str, also: Iterable[str] = ()) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._note(at, "has to be a mapping")
            return {}
        found: dict[str, Any] = {}
        for key, each in value.items():
            field = _field(kind, key)
            if field is None:
                self._note((*at, key), f"is not known{_suggestion(key, [*_names(kind), *also])}")
            elif field.name in found:
                self._note((*at, key), f"says {field.name} once more")
            elif each is not None:
                found[field.name] = self._value(field, each, (*at, key), f"{path}{field.name}")
        return found

    def _value(self, field: FieldDescriptor, value: Any, at: At, path: str) -> Any:
        self.ways[path] = at
        if not field.is_repeated:
            return self._one(field, value, at, path)
        return [
            self._one(field, each, (*at, index), f"{path}[{index}]") for index, each in enumerate(self._list(value, at))
        ]

    def _one(self, field: FieldDescriptor, value: Any, at: At, path: str) -> Any:
        self.ways[path] = at
        if field.message_type is Struct.DESCRIPTOR:
            return self._struct(value, at, path)
        if field.message_type is not None:
            spread = _edge(value) if field.message_type is pb.Edge.DESCRIPTOR else value
            return self.message(field.message_type, spread, at, f"{path}.")
        if field.enum_type is not None:
            return self._enum(field.enum_type, value, at)
        if field.type in _INTEGERS:
            return self._integer(value, at, duration=field.name.endswith("_seconds"))
        if field.type in FLOATS:
            return self._number(value, at)
        text = self._text(value, at)
        return with_prefix(text, ENUM_NAMES[field.name]) if text and field.name in ENUM_NAMES else text

    def _struct(self, value: Any, at: At, path: str) -> Any:
        if not isinstance(value, dict):
            self._note(at, "has to be a mapping")
            return {}
        self._json(value, at, path)
        return value

    def _json(self, value: Any, at: At, path: str) -> None:
        """Remembers the ways into it."""
        self.ways[path] = at
        if isinstance(value, dict):
            for key, each in value.items():
                self._json(each, (*at, key), f"{path}.{key}")
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self._json(each, (*at, index), f"{path}[{index}]")
        elif isinstance(value, float) and not isfinite(value):
            self._note(at, "is not a finite number")

    def _enum(self, kind: EnumDescriptor, value: Any, at: At) -> str:
        name = with_prefix(value, prefix(kind)) if isinstance(value, str) else ""
        if name not in kind.values_by_name or not kind.values_by_name[name].number:
            known = [each.name.removeprefix(prefix(kind)).lower() for each in kind.values if each.number]
            self._note(at, f"{value!r} is none of {', '.join(known)}")
        return name

    def _integer(self, value: Any, at: At, duration: bool) -> int:
        if duration and isinstance(value, str):
            seconds = moments.span(value)
            if seconds is not None:
                return seconds
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
            self._note(at, "has to be a duration like 90 or 15m" if duration else "has to be a whole number")
            return 0
        return value

    def _number(self, value: Any, at: At) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self._note(at, "has to be a number")
            return 0.0
        return value

    def _text(self, value: Any, at: At) -> str:
        if not isinstance(value, str):
            self._note(at, "has to be text (in quotes, where it looks like something else)")
            return ""
        return value

    def _list(self, value: Any, at: At) -> list[Any]:
        if not isinstance(value, list):
            self._note(at, "has to be a list")
            return []
        return value

    def _note(self, at: At, what: str) -> None:
        way = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in at).lstrip(".")
        self.wrong.append(f"{self._document.place(at)}: {way + ' ' if way else ''}{what}")


def _field(kind: Descriptor, key: str) -> FieldDescriptor | None:
    """By the name of the contract, its camelCase, or a shorter one."""
    name = SHORT.get(kind, {}).get(key, key)
    return kind.fields_by_name.get(name) or kind.fields_by_camelcase_name.get(name)


def _names(kind: Descriptor) -> list[str]:
    return [*kind.fields_by_name, *SHORT.get(kind, {})]


def _suggestion(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _edge(value: Any) -> Any:
    """`a -> b` as a mapping; all else as it is."""
    if isinstance(value, str) and value.count("->") == 1:
        source, _, target = value.partition("->")
        return {"from": source.strip(), "to": target.strip()}
    return value
