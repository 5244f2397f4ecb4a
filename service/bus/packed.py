"""Messages packed in an Any, as bytes or as protojson, and which of them we know.

A message we know is named by its full name without the resolver in front of it. One we do not know is no error: its
JSON is kept as plain data; its bytes say nothing without a schema, so such an event has no data. Called by `shapes`
for bytes and by `incoming` for JSON.
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

from service.bus.fields import Record, nested
from service.bus.poison import Poison

CHANGE = Change.DESCRIPTOR.full_name
OBJECTIVE = Objective.DESCRIPTOR.full_name
DECISION = ApprovalDecision.DESCRIPTOR.full_name
STRUCT = Struct.DESCRIPTOR.full_name

_KNOWN: Mapping[str, type[Message]] = {
    CHANGE: Change,
    OBJECTIVE: Objective,
    DECISION: ApprovalDecision,
    STRUCT: Struct,
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


def unpack(message: AnyMessage) -> dict[str, Any] | None:
    """Protojson of what is packed, by proto names, in the form that JSON producers send."""
    kind = _KNOWN.get(message.type_url.rpartition("/")[2])
    if kind is None:
        return None
    try:
        fields = json_format.MessageToDict(kind.FromString(message.value), preserving_proto_field_name=True)
    except (DecodeError, json_format.Error, ValueError, RecursionError):
        raise Poison("bad_data") from None
    return {"@type": message.type_url, **({"value": fields} if kind is Struct else fields)}
