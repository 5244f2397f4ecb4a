"""The shapes a CloudEvent has on this bus, and how to tell them apart.

The marks are looked for in this order:
  E  attributes in headers: `ce-specversion`, `ce-id`, `ce-type` and `ce-source`, none empty; the body is the data
  F  JSON with `data_base64`: a tap event (not read yet)
  A  JSON with `specversion`: a structured CloudEvent
  B  JSON with `spec_version`: protojson of events.v1.CloudEvent
  C  binary: the siblings' own envelope (not read yet)
  D  binary that is no C: events.v1.CloudEvent (not read yet)

Nothing is invented: what a message does not say stays empty, since an id or a time made up here would be another one
with every redelivery. What has no mark, or is not read yet, is Poison `unknown_shape`. Called by `incoming`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from service.bus import packed, strict_json
from service.bus.fields import Record, nested
from service.bus.poison import Poison

_BINARY_MODE = ("ce-specversion", "ce-id", "ce-type", "ce-source")
_HEADERS = {
    "id": "ce-id",
    "source": "ce-source",
    "type": "ce-type",
    "tenant": "ce-tenantid",
    "subject": "ce-subject",
    "time": "ce-time",
}
_MEMBERS = {
    "id": "id",
    "source": "source",
    "type": "type",
    "tenant": "tenant_id",
    "subject": "subject",
    "time": "time",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message says of itself, before any of it is believed.

    `attributes` has id, source, type, tenant, subject and time, where given. `data` is JSON with exact numbers, `@type`
    included where the producer named one; None when there is none, or none that we could read.
    """

    attributes: Record
    data: Record | None


def read(headers: Mapping[str, str], body: bytes) -> Envelope:
    if all(headers.get(name) for name in _BINARY_MODE):
        return _binary_mode(headers, body)
    if not _looks_like_json(body):
        raise Poison("unknown_shape")
    envelope = _json_object(body)
    if "data_base64" in envelope:
        raise Poison("unknown_shape")
    if "specversion" in envelope or "spec_version" in envelope:
        return Envelope(_renamed(envelope, _MEMBERS), nested(envelope, "data"))
    raise Poison("unknown_shape")


def _binary_mode(headers: Mapping[str, str], body: bytes) -> Envelope:
    attributes = {name: _decoded(value) for name, value in _renamed(headers, _HEADERS).items()}
    return Envelope(attributes, _data(body, headers.get("content-type", "")))


def _renamed(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: record[theirs] for ours, theirs in names.items() if theirs in record}


def _decoded(header: str) -> str:
    """CloudEvents percent-encodes what a header cannot hold."""
    try:
        return unquote(header, errors="strict")
    except UnicodeDecodeError:
        raise Poison("bad_header") from None


def _data(body: bytes, content_type: str) -> Record | None:
    if not body:
        return None
    if "application/json" in content_type:
        return _json_object(body)
    # A serialized Any may begin like JSON: its first byte is a line break, its second may be a brace.
    if message := _any(body):
        return packed.unpack(message)
    if not _looks_like_json(body):
        raise Poison("bad_data")
    return _json_object(body)


def _any(body: bytes) -> AnyMessage | None:
    try:
        message = AnyMessage.FromString(body)
    except DecodeError:
        return None
    return message if "/" in message.type_url else None


def _looks_like_json(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n").startswith(b"{")


def _json_object(body: bytes) -> Record:
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Poison("not_an_object")
    return value
