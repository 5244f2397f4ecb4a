"""One fact in every shape, each written by what its producers use.

The CloudEvents SDK writes F and A, protobuf's own JSON and bytes make B, D and the bodies of E. Nobody here has the
siblings' envelope, so C is put together from the numbers of its fields.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as StandardEvent
from cloudevents.v1.conversion import to_json
from cloudevents.v1.http import CloudEvent as LenientEvent
from events.v1.cloudevent_pb2 import CloudEvent
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tap.v1.event_pb2 import TapEventData

NOON = datetime(2026, 11, 3, 12, 0, 0, 250_000, tzinfo=UTC)
CREATED = "siphon.tap.hubspot.contact.created"


@dataclass(frozen=True)
class Fact:
    data: Message
    id: str = "tap-1"
    type: str = CREATED
    source: str = "tap/hubspot/ws_acme"
    subject: str = "contact/501"
    tenant: str = "ws_acme"
    extensions: Mapping[str, str] = field(default_factory=dict)


class Sent(NamedTuple):
    headers: dict[str, str]
    body: bytes


def contact(**said: str) -> TapEventData:
    """A contact that became a lead."""
    plain: dict[str, Any] = {"provider": "hubspot", "entity_type": "contact", "entity_id": "501", "action": "created"}
    ids = {"provider_event_id": "hs-9", "tenant_id": "ws_acme", "request_id": "req-1"}
    event = TapEventData(**(plain | ids | said))
    event.provider_timestamp.FromDatetime(NOON)
    event.snapshot.update({"email": "ann@acme.test", "lifecycle_stage": "lead", "employees": 40})
    event.changes["stage"].to.string_value = "qualified"
    getattr(event.changes["stage"], "from").null_value = 0
    return event


def in_older_schema(event: TapEventData) -> bytes:
    """As producers write it that have `provider_timestamp` as text."""
    text = event.provider_timestamp.ToJsonString()
    older = TapEventData()
    older.CopyFrom(event)
    older.ClearField("provider_timestamp")
    return older.SerializeToString() + part(8, text.encode())


def in_headers(fact: Fact) -> Sent:
    return Sent(_headers(fact, "application/json"), _protojson(packed(fact.data)))


def in_headers_as_bytes(fact: Fact) -> Sent:
    return Sent(_headers(fact, "application/protobuf"), packed(fact.data).SerializeToString())


def by_the_tap(fact: Fact) -> Sent:
    """Shape F."""
    return by_the_tap_as(fact, fact.data.SerializeToString())


def by_the_tap_as(fact: Fact, data: bytes) -> Sent:
    more = {"datacontenttype": "application/protobuf", "taprequestid": "req-1", "tapversion": "2"}
    event = StandardEvent({**_attributes(fact), "time": NOON, "subject": fact.subject, **more}, data)
    return Sent({}, to_structured(event, JSONFormat()).body)


def structured(fact: Fact) -> Sent:
    """Shape A."""
    more = {"time": NOON.isoformat(), "datacontenttype": "application/json", "tenant_id": fact.tenant}
    event = LenientEvent(_attributes(fact) | more, json.loads(_protojson(packed(fact.data))))
    return Sent({}, to_json(event))


def protojson(fact: Fact) -> Sent:
    """Shape B."""
    return Sent({}, _protojson(_typed(fact)))


def by_the_runtime(fact: Fact, data: bytes | None = None) -> Sent:
    """Shape C; `data` instead of the fact's own, empty for none."""
    time = Timestamp()
    time.FromDatetime(NOON)
    texts = {1: "1.0", 2: fact.id, 3: fact.type, 4: fact.source, 6: "application/protobuf", 7: fact.tenant}
    texts[9] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    parts = {number: text.encode() for number, text in texts.items()} | {5: time.SerializeToString()}
    parts[8] = packed(fact.data).SerializeToString() if data is None else data
    return Sent({}, b"".join(part(number, parts[number]) for number in sorted(parts) if parts[number]))


def proto(fact: Fact) -> Sent:
    """Shape D."""
    return Sent({}, _typed(fact).SerializeToString())


SHAPES: Mapping[str, Callable[[Fact], Sent]] = {
    "E": in_headers,
    "E as bytes": in_headers_as_bytes,
    "F": by_the_tap,
    "A": structured,
    "B": protojson,
    "C": by_the_runtime,
    "D": proto,
}


def packed(message: Message) -> AnyMessage:
    any_message = AnyMessage()
    any_message.Pack(message)
    return any_message


def part(number: int, value: bytes) -> bytes:
    """A field of up to 16,383 bytes as protobuf writes it: tag, length, value."""
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
    return bytes([number << 3 | 2]) + length + value


def _attributes(fact: Fact) -> dict[str, str]:
    return {"specversion": "1.0", "id": fact.id, "type": fact.type, "source": fact.source, **fact.extensions}


def _headers(fact: Fact, content_type: str) -> dict[str, str]:
    said = {**_attributes(fact), "time": NOON.isoformat(), "tenantid": fact.tenant, "subject": fact.subject}
    return {**{f"ce-{name}": value for name, value in said.items()}, "content-type": content_type}


def _typed(fact: Fact) -> CloudEvent:
    event = CloudEvent(
        spec_version="1.0",
        id=fact.id,
        type=fact.type,
        source=fact.source,
        subject=fact.subject,
        data_content_type="application/protobuf",
        tenant_id=fact.tenant,
        data=packed(fact.data),
    )
    event.time.FromDatetime(NOON)
    for name, value in fact.extensions.items():
        event.extensions[name].string_value = value
    return event


def _protojson(message: Message) -> bytes:
    return json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True)).encode()
