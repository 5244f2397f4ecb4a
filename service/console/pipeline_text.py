"""A published version as the file that it could have come from.

What `written` gives, `pipeline_file` reads as the same graph, and two graphs are the same where their texts are. Called
by `apply`, which compares, and by those who show a definition.
"""

from collections.abc import Callable, Mapping
from difflib import unified_diff
from io import StringIO
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from ruamel.yaml import YAML
from workflows.v1 import workflows_pb2 as pb

from service.console import moments
from service.console.contract import prefix
from service.console.json_answers import whole
from service.console.pipeline_words import ENUM_NAMES, FLOATS, SHORT

NOTHING = pb.PublishVersionRequest()


def graph_of(version: Any) -> pb.PublishVersionRequest:
    """What a published version (or a request) says of the graph, alone."""
    found = pb.PublishVersionRequest(timeout_seconds=version.timeout_seconds)
    found.steps.extend(version.steps)
    found.edges.extend(version.edges)
    if version.trigger.ByteSize():
        found.trigger.CopyFrom(version.trigger)
    if version.HasField("default_retry_policy"):  # an empty one says: never again
        found.default_retry_policy.CopyFrom(version.default_retry_policy)
    return found


def written(version: Any, about: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """The document, as YAML. `about` comes first: workspace, name, description, tags; the schemas come last."""
    said = plain(graph_of(version))
    document = {key: value for key, value in about.items() if value}
    document |= {name: said[name] for name in ("timeout", "retry", "trigger", "steps", "edges") if name in said}
    document |= {name: _ordered(whole(schema)) for name, schema in schemas.items() if schema}
    yaml, text = YAML(), StringIO()
    yaml.width = 4096  # a folded line is hard to compare
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, text)
    return text.getvalue()


def plain(message: Any) -> dict[str, Any]:
    """With the short names and the words of enums. An empty `config` says nothing, an empty `retry` says: never."""
    names = {long: short for short, long in SHORT.get(message.DESCRIPTOR, {}).items()}
    said = ((names.get(field.name, field.name), _said(field, value)) for field, value in message.ListFields())
    return {name: value for name, value in said if value != {} or name == "retry"}


def _said(field: FieldDescriptor, value: Any) -> Any:
    one: Callable[[Any], Any] = _word(field)
    return [one(each) for each in value] if field.is_repeated else one(value)


def _word(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.message_type is Struct.DESCRIPTOR:
        return lambda value: _ordered(whole(MessageToDict(value)))
    if field.message_type is not None:
        return plain
    if field.enum_type is not None:
        enum = field.enum_type
        before = prefix(enum)
        return lambda value: enum.values_by_number[value].name.removeprefix(before).lower()
    if field.name in ENUM_NAMES:
        before = ENUM_NAMES[field.name]
        return lambda value: value.removeprefix(before).lower() if value.startswith(before) else value
    if field.type in FLOATS:
        return lambda value: whole(float(f"{value:.7g}"))
    if field.name.endswith("_seconds"):
        return moments.exactly
    return lambda value: value


def _ordered(value: Any) -> Any:
    """The keys of a Struct have no order of their own, and get one."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


def schemas_of(found: Any) -> dict[str, Any]:
    """What a version's schemas say, as values."""
    return {name: MessageToDict(getattr(found, name)) for name in ("input_schema", "output_schema")}


def difference(before: str, after: str, from_title: str, to_title: str) -> str:
    """Of two documents, as `diff -u` tells it; empty when both are the same."""
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), from_title, to_title, lineterm=""))
