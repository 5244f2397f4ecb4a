"""The forms in which a change can be published; the setting `NATS_FORMAT` names one.

  headers     attributes in headers, the body beside them: read by CloudEvents consumers and by the siblings (shape E)
  structured  one JSON object as the siblings write it, with `tenant_id`, a name that strict consumers refuse (shape A)
  protojson   events.v1.CloudEvent as JSON (shape B)
  proto       events.v1.CloudEvent as bytes (shape D)

The body is JSON already and goes into the first three as it is. `Nats-Msg-Id` goes with all of them, so that an event
that is repeated in another form is still a repetition; and so does the trace. Pure; called by `outgoing`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson
from events.v1.cloudevent_pb2 import CloudEvent
from google.protobuf import json_format

from service.bus import packed
from service.domain.trace import TRACEPARENT, TRACESTATE

Attributes: TypeAlias = Mapping[str, str]

_MEMBERS = {
    "specversion": "spec_version",
    "id": "id",
    "type": "type",
    "source": "source",
    "subject": "subject",
    "time": "time",
    "tenantid": "tenant_id",
}
"""What events.v1.CloudEvent calls the attributes it has; all others are its extensions."""

_PRINTABLE = "".join(char for char in map(chr, range(0x21, 0x7F)) if char not in '"%')


class Outgoing(NamedTuple):
    headers: dict[str, str]
    data: bytes


Format: TypeAlias = Callable[[Attributes, bytes], Outgoing]
"""From an event's attributes, none empty, and the protojson of its packed message to what NATS is given."""


def _headers(attributes: Attributes, body: bytes) -> Outgoing:
    named = {f"ce-{name}": _encoded(value) for name, value in attributes.items()}
    return Outgoing(named | _transport(attributes, "application/json"), body)


def _structured(attributes: Attributes, body: bytes) -> Outgoing:
    event = {"tenant_id" if name == "tenantid" else name: value for name, value in attributes.items()}
    data = {"datacontenttype": "application/json", "data": orjson.Fragment(body)}
    return Outgoing(_transport(attributes, "application/cloudevents+json"), orjson.dumps(event | data))


def _protojson(attributes: Attributes, body: bytes) -> Outgoing:
    event = _envelope(attributes) | {"data": orjson.Fragment(body)}
    return Outgoing(_transport(attributes, "application/json"), orjson.dumps(event))


def _proto(attributes: Attributes, body: bytes) -> Outgoing:
    event = json_format.ParseDict(_envelope(attributes), CloudEvent(data=packed.pack(body)))
    return Outgoing(_transport(attributes, "application/protobuf"), event.SerializeToString())


FORMATS: Mapping[str, Format] = {
    "headers": _headers,
    "structured": _structured,
    "protojson": _protojson,
    "proto": _proto,
}


def _envelope(attributes: Attributes) -> dict[str, Any]:
    members = {theirs: attributes[ours] for ours, theirs in _MEMBERS.items() if ours in attributes}
    extensions = {name: value for name, value in attributes.items() if name not in _MEMBERS}
    return members | {"data_content_type": "application/protobuf", "extensions": extensions}


def _transport(attributes: Attributes, content_type: str) -> dict[str, str]:
    """What the message itself carries; consumers that know no CloudEvents look here for the trace."""
    trace = {name: attributes[name] for name in (TRACEPARENT, TRACESTATE) if name in attributes}
    return {"content-type": content_type, "Nats-Msg-Id": _encoded(attributes["id"]), **trace}


def _encoded(value: str) -> str:
    """Percent-encoded as CloudEvents wants it in headers: blanks, quotes, percent signs and all but printable ASCII."""
    plain = value.isascii() and value.isprintable() and " " not in value and '"' not in value and "%" not in value
    return value if plain else quote(value, safe=_PRINTABLE)
