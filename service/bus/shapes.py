"""The shapes a CloudEvent has on this bus, and how to tell them apart.

The marks are looked for in this order:
  E  attributes in headers: `ce-specversion`, `ce-id`, `ce-type` and `ce-source`, none empty; the body is the data
  F  JSON with `data_base64`: a tap event, its data a bare TapEventData
  A  JSON with `specversion`: a structured CloudEvent
  B  JSON with `spec_version`: protojson of events.v1.CloudEvent
  C  binary: the envelope of the siblings' runtime
  D  binary that is no C: events.v1.CloudEvent

Nothing is invented: what a message does not say stays empty, since an id or a time made up here would be another one
with every redelivery. What has no mark is Poison `unknown_shape`. Called by `incoming`.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import unquote

from events.v1.cloudevent_pb2 import CloudEvent
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from service.bus import packed, strict_json, tap
from service.bus.fields import Record, nested, text
from service.bus.foreign import RuntimeEnvelope
from service.bus.poison import Poison
from service.domain import trace

MAX_BYTES = 1024 * 1024

_BINARY_MODE = ("ce-specversion", "ce-id", "ce-type", "ce-source")
_HEADERS = {
    "id": "ce-id",
    "source": "ce-source",
    "type": "ce-type",
    "tenant": "ce-tenantid",
    "subject": "ce-subject",
    "time": "ce-time",
    "chain": "ce-causechain",
}
_MEMBERS = {
    "id": "id",
    "source": "source",
    "type": "type",
    "tenant": "tenant_id",
    "tenantid": "tenantid",
    "subject": "subject",
    "time": "time",
    "chain": "causechain",
}

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class BusEnvelope:
    """What a message says of itself, before any of it is believed (`trace` is: it is read, or there is none).

    `attributes` has id, source, type, tenant, subject, time and chain, where given; `tenantid` is the tenant under the
    only name that the CloudEvents standard allows. `data` is JSON with exact numbers, `@type` included where the
    producer named one; None when there is none, or none that we could read.
    """

    attributes: Record
    data: Record | None
    trace: str = ""


def read(headers: Mapping[str, str], body: bytes) -> BusEnvelope:
    """The trace that the event names, else the one that the message came with."""
    envelope = _read_shape(headers, body)
    return envelope if envelope.trace else replace(envelope, trace=_trace(headers))


def _read_shape(headers: Mapping[str, str], body: bytes) -> BusEnvelope:
    if all(headers.get(name) for name in _BINARY_MODE):
        return _binary_mode(headers, body)
    return _structured(_json_object(body)) if _looks_like_json(body) else _protobuf(body)


def _binary_mode(headers: Mapping[str, str], body: bytes) -> BusEnvelope:
    attributes = {name: _decoded(value) for name, value in _renamed(headers, _HEADERS).items()}
    return BusEnvelope(attributes, _data(body, headers.get("content-type", "")), _header_trace(headers))


def _structured(event: Record) -> BusEnvelope:
    attributes = _renamed(event, _MEMBERS)
    if "data_base64" in event:
        return BusEnvelope(attributes, _bare_tap(event), _trace(event))
    if "specversion" in event:
        return BusEnvelope(attributes, nested(event, "data"), _trace(event))
    if "spec_version" in event:
        extensions = nested(event, "extensions") or {}
        return BusEnvelope(attributes | _extended(extensions), nested(event, "data"), _trace(extensions))
    raise Poison("unknown_shape")


def _bare_tap(event: Record) -> Record | None:
    try:
        data = b64decode(text(event, "data_base64", MAX_BYTES), validate=True)
    except (binascii.Error, ValueError):
        raise Poison("bad_data") from None
    return packed.unpack(AnyMessage(type_url=f"/{tap.NAME}", value=data))


def _extended(extensions: Record) -> dict[str, Any]:
    return _renamed(extensions, {"chain": "causechain"})


def _runtime_trace(runtime: Any) -> str:
    return trace.read(runtime.traceparent, runtime.tracestate)


def _trace(said: Record) -> str:
    return trace.read(said.get(trace.TRACEPARENT), said.get(trace.TRACESTATE))


def _header_trace(headers: Mapping[str, str]) -> str:
    return trace.read(headers.get(f"ce-{trace.TRACEPARENT}"), unquote(headers.get(f"ce-{trace.TRACESTATE}", "")))


def _protobuf(body: bytes) -> BusEnvelope:
    runtime = _read(RuntimeEnvelope, body)
    if runtime is not None and _is_itself(runtime):
        return BusEnvelope(_attributes(runtime), _unpacked(runtime), _runtime_trace(runtime))
    event = _read(CloudEvent, body)
    if event is None or not event.spec_version:
        raise Poison("unknown_shape")
    extensions = {name: value.string_value for name, value in event.extensions.items()}
    attributes = _attributes(event) | {"subject": event.subject} | _extended(extensions)
    return BusEnvelope(attributes, _unpacked(event), _trace(extensions))


def _is_itself(runtime: Any) -> bool:
    """Bytes of the other message may read as this one by chance, but its messages make strange texts and packages."""
    texts = (runtime.content_type, runtime.traceparent, runtime.tracestate)
    packed_or_none = not runtime.HasField("data") or "/" in runtime.data.type_url
    return bool(runtime.spec_version) and packed_or_none and "".join(texts).isprintable()


def _attributes(event: Any) -> dict[str, Any]:
    """What both messages call by the same names."""
    said = {"id": event.id, "source": event.source, "type": event.type, "tenant": event.tenant_id}
    try:
        return said | ({"time": event.time.ToJsonString()} if event.HasField("time") else {})
    except ValueError:
        raise Poison("bad_time") from None


def _unpacked(event: Any) -> Record | None:
    return packed.unpack(event.data) if event.HasField("data") else None


def _read(kind: type[M], body: bytes) -> M | None:
    try:
        return kind.FromString(body)
    except DecodeError:
        return None


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
    message = _read(AnyMessage, body)
    return message if message and "/" in message.type_url else None


def _looks_like_json(body: bytes) -> bool:
    return body.lstrip(b" \t\r\n").startswith(b"{")


def _json_object(body: bytes) -> Record:
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Poison("not_an_object")
    return value
