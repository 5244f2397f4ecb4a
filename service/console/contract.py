"""The RPCs of the contract by their names, read from the generated descriptors; and its messages as plain values."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from service.console.exits import USAGE, Failed

_PACKAGES = ("workflows.v1", "workflows.ops.v1")


class Method(NamedTuple):
    path: str
    request: type[Message]
    response: type[Message]


def method(name: str) -> Method:
    return methods()[name]


def request(method: Method, fields: Mapping[str, Any]) -> Message:
    """The message with these fields, as protojson reads them; None is not said. Raises Failed (usage)."""
    said = {name: value for name, value in fields.items() if value is not None}
    try:
        return ParseDict(said, method.request())
    except ParseError as error:
        raise Failed(f"a value cannot be sent: {error}", USAGE) from None


def fields(message: Message) -> dict[str, Any]:
    """What a message says, as `request` takes it."""
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found


def prefix(enum: EnumDescriptor) -> str:
    """What the names of all its values begin with."""
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")


def member(rpc: str, field: str, word: str | None) -> str | None:
    """The name of the value that a word means for an enum of a request. Raises Failed (usage)."""
    if word is None:
        return None
    enum: Any = method(rpc).request.DESCRIPTOR.fields_by_name[field].enum_type
    name = prefix(enum) + word.strip().upper().replace("-", "_").removeprefix(prefix(enum))
    if name not in enum.values_by_name or not enum.values_by_name[name].number:
        known = ", ".join(each.name.removeprefix(prefix(enum)).lower() for each in enum.values if each.number)
        raise Failed(f"{word!r} is none of {known}", USAGE)
    return name


@cache
def methods() -> dict[str, Method]:
    found: dict[str, Method] = {}
    for module in _modules():
        for service in module.DESCRIPTOR.services_by_name.values():
            found |= {each.name: _method(service.full_name, each) for each in service.methods}
    return found


def services() -> list[str]:
    return [service.full_name for module in _modules() for service in module.DESCRIPTOR.services_by_name.values()]


def _modules() -> list[Any]:
    return [
        import_module(f"{package}.{each.name}")
        for package in _PACKAGES
        for each in iter_modules(import_module(package).__path__)
        if each.name.endswith("_pb2")
    ]


def _method(service: str, found: MethodDescriptor) -> Method:
    return Method(f"/{service}/{found.name}", GetMessageClass(found.input_type), GetMessageClass(found.output_type))
