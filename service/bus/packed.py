"""Messages packed in an Any, as bytes or as protojson, and which of them we know.

A message we know is named by its full name without the resolver in front of it. One we do not know is no error: its
JSON is kept as plain data; its bytes say nothing without a schema, so such an event has no data. Called by `shapes`
for bytes, by `incoming` for JSON and by `formats` to turn our own JSON into bytes.
"""

from collections.abc import Mapping
from typing import Any

from approvals.v1.approvals_pb2 import ApprovalDecision
from events.v1.change_pb2 import Change
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from objectives.v1.objectives_pb2 import Objective
from workflows.v1.workflows_pb2 import WorkflowRunLifecycleEvent, WorkflowStepLifecycleEvent

from service.bus import tap
from service.bus.fields import Record, nested
from service.bus.poison import Poison

CHANGE = Change.DESCRIPTOR.full_name
OBJECTIVE = Objective.DESCRIPTOR.full_name
DECISION = ApprovalDecision.DESCRIPTOR.full_name
STRUCT = Struct.DESCRIPTOR.full_name

_KNOWN: Mapping[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (Change, Objective, ApprovalDecision, Struct, WorkflowRunLifecycleEvent, WorkflowStepLifecycleEvent)
}


def named(data: Record | None) -> tuple[str, Record | None]:
    """The message's full name, empty where none is given, and its fields."""
    if data is None or "@type" not in data:
        return "", data
    url = data["@type"]
    if not isinstance(url, str):
        raise Poison("bad_type_url")
    name = url.rpartition("/")[2]
    fields = {key: value for key, value in data.items() if key != "@type"}
    return (name, nested(fields, "value")) if name == STRUCT else (name, fields)


def pack(protojson: bytes) -> AnyMessage:
    """What `bodies` wrote. Raises json_format.ParseError for anything else."""
    return json_format.Parse(protojson, AnyMessage())


def unpack(message: AnyMessage) -> dict[str, Any] | None:
    """Protojson of what is packed, by proto names, in the form that JSON producers send."""
    name = message.type_url.rpartition("/")[2]
    try:
        fields = _fields(name, message.value)
    except (DecodeError, json_format.Error, ValueError, RecursionError):
        raise Poison("bad_data") from None
    if fields is None:
        return None
    return {"@type": message.type_url, **({"value": fields} if name == STRUCT else fields)}


def _fields(name: str, value: bytes) -> dict[str, Any] | None:
    if name == tap.NAME:
        return tap.read(value)
    if kind := _KNOWN.get(name):
        return json_format.MessageToDict(kind.FromString(value), preserving_proto_field_name=True)
    return None
