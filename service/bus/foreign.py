"""Messages of other producers that no `.proto` of ours describes.

`RuntimeEnvelope` is the envelope of the siblings' common runtime, known by its field numbers only. `AnyTimeTap` is the
tap's TapEventData with the bytes of `provider_timestamp` as they came, since older producers write a text under the
number that is a Timestamp now. Built once at import; used by `shapes` and `tap`.
"""

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from tap.v1 import event_pb2

_RUNTIME_FIELDS: tuple[tuple[str, type[Message] | None], ...] = (
    ("spec_version", None),
    ("id", None),
    ("type", None),
    ("source", None),
    ("time", Timestamp),
    ("content_type", None),
    ("tenant_id", None),
    ("data", AnyMessage),
    ("traceparent", None),
    ("tracestate", None),
    ("baggage", None),
)
"""In the order of their numbers, from 1; None is a string."""


def _runtime_envelope() -> type[Message]:
    kinds = [kind for _, kind in _RUNTIME_FIELDS if kind]
    file = FileDescriptorProto(name="service/bus/runtime.proto", package="service.bus", syntax="proto3")
    file.dependency.extend(kind.DESCRIPTOR.file.name for kind in kinds)
    envelope = file.message_type.add(name="RuntimeEnvelope")
    for number, (name, kind) in enumerate(_RUNTIME_FIELDS, start=1):
        envelope.field.append(_field(name, number, kind))
    return _registered(file, envelope)


def _field(name: str, number: int, kind: type[Message] | None) -> FieldDescriptorProto:
    field = FieldDescriptorProto(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind is None:
        field.type = FieldDescriptorProto.TYPE_STRING
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{kind.DESCRIPTOR.full_name}"
    return field


def _any_time_tap() -> type[Message]:
    file = FileDescriptorProto()
    event_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "service/bus/tap.proto", "service.bus"
    found = next(message for message in file.message_type if message.name == event_pb2.TapEventData.DESCRIPTOR.name)
    for field in (*found.field, *(field for nested in found.nested_type for field in nested.field)):
        if field.name == "provider_timestamp":
            field.type = FieldDescriptorProto.TYPE_BYTES
            field.ClearField("type_name")
        elif field.type_name.startswith(".tap.v1."):
            field.type_name = field.type_name.replace(".tap.v1.", ".service.bus.")
    return _registered(file, found)


def _registered(file: FileDescriptorProto, message: DescriptorProto) -> type[Message]:
    pool = Default()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))


RuntimeEnvelope = _runtime_envelope()
AnyTimeTap = _any_time_tap()
