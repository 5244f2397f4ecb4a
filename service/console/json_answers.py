"""What reaches scripts: JSON, with the names of the contract, and no character in it that a terminal would obey.

One document is one answer; a stream is one object per line, each at once. Called by commands under `--json`, and by
those who show a value as it is on the wire.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def as_json(message: Message) -> dict[str, Any]:
    """protojson with the names of the contract, and with every field that has a value of its own, be it empty."""
    found = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    told: dict[str, Any] = whole(found)
    return told


def whole(value: Any) -> Any:
    """Numbers of a Struct are floats; 3.0 is written 3."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def document(value: Mapping[str, Any] | Message | list[Any], file: TextIO | None = None) -> None:
    """One JSON document."""
    found = as_json(value) if isinstance(value, Message) else value
    (file or sys.stdout).write(_spelt(json.dumps(found, indent=2, ensure_ascii=False)) + "\n")


def failure(message: str, exit_code: int, about: Mapping[str, Any] | None = None) -> None:
    """How a command ends that did not do what it was told, on stderr."""
    document({"error": {"message": message, **(about or {}), "exit_code": exit_code}}, sys.stderr)


def json_line(value: Mapping[str, Any] | Message) -> None:
    """One of a stream's objects, on a line of its own, at once."""
    sys.stdout.write(compact(as_json(value) if isinstance(value, Message) else value) + os.linesep)
    sys.stdout.flush()


def compact(value: Any) -> str:
    return _spelt(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _spelt(text: str) -> str:
    """The same JSON, with the characters spelt out that a terminal could obey and JSON lets stand."""
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
