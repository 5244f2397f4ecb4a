"""Events of the tap: a record changed in a connected system.

In whatever shape it came, its payload is the TapEventData as JSON by proto names, and `provider_timestamp` is RFC 3339
text in UTC, also when an older producer wrote the text itself where a Timestamp is now. Of those two, the bytes of a
Timestamp begin with a tag below 0x30, the text with a digit. Called by `packed` for bytes and by `incoming` for JSON.
"""

from typing import Any

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from tap.v1.event_pb2 import TapEventData

from service.bus.fields import Record, nested, text, timestamp
from service.bus.foreign import AnyTimeTap
from service.domain.bus_event import Tap

NAME = TapEventData.DESCRIPTOR.full_name
_AT = "provider_timestamp"


def read(data: bytes) -> dict[str, Any]:
    """The fields of serialized TapEventData of either schema. Raises DecodeError and ValueError."""
    message: Any = AnyTimeTap.FromString(data)
    at: bytes = message.provider_timestamp
    message.ClearField(_AT)
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return {**fields, _AT: _text(at)} if at else fields


def _text(at: bytes) -> str:
    return at.decode() if at[:1].isdigit() else Timestamp.FromString(at).ToJsonString()


def payload(fields: Record) -> Record:
    """The fields with the provider's time in one form. Raises Poison for parts that filters could not look into."""
    nested(fields, "changes")
    nested(fields, "snapshot")
    at = timestamp(fields, _AT)
    return {**fields, _AT: at.ToJsonString()} if at else fields


def seen(fields: Record) -> Tap:
    return Tap(
        provider=text(fields, "provider"),
        entity_type=text(fields, "entity_type"),
        entity_id=text(fields, "entity_id"),
        action=text(fields, "action"),
        provider_event_id=text(fields, "provider_event_id"),
    )
