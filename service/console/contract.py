"""The RPCs of the contract by their names, read from the generated descriptors; and requests from plain values."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, NamedTuple

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import ParseDict, ParseError
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
