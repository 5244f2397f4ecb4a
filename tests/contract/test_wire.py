"""The wire is what other services already speak: no name, number or type may drift.

`wire/<package>.txt` is the contract written down by hand, one line per RPC, enum value and field. Here the
generated descriptors are rendered in the same notation and have to come out the same, so whoever changes a
`.proto` file sees which agreement breaks. What would change bytes, JSON or presence without changing a name
(streams, oneofs, optional and packed fields, custom JSON names, nested types) is rendered too, and appears
in no contract file.
"""

import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

CONTRACT = Path(__file__).parent / "wire"
PROTO = Path(__file__).parents[2] / "proto"
PACKAGES = sorted(path.stem for path in CONTRACT.glob("*.txt"))
FILES = {
    "events.v1": ["events/v1/change.proto", "events/v1/cloudevent.proto"],
    "tap.v1": ["tap/v1/event.proto"],
}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_the_contract(package: str) -> None:
    blocks = sorted(shorten(block, package) for file in load(package) for block in render(file))
    assert "\n".join(blocks).splitlines() == (CONTRACT / f"{package}.txt").read_text().splitlines()


@pytest.mark.parametrize("package", PACKAGES)
def test_files_carry_their_package(package: str) -> None:
    for file in load(package):
        assert (file.package, file.syntax) == (package, "proto3")


def test_no_other_file_shares_a_package_with_the_contract() -> None:
    agreed = {name for package in PACKAGES for name in files_of(package)}
    assert {str(path.relative_to(PROTO)) for path in PROTO.glob("*/v1/*.proto")} == agreed


def files_of(package: str) -> list[str]:
    folder = package.replace(".", "/")
    return FILES.get(package, [f"{folder}/{package.removesuffix('.v1')}.proto"])


def load(package: str) -> Iterator[FileDescriptorProto]:
    for name in files_of(package):
        module = importlib.import_module(name.replace("/", ".").replace(".proto", "_pb2"))
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        yield file


def render(file: FileDescriptorProto) -> Iterator[str]:
    for service in file.service:
        yield block(f"service {service.name}", service_lines(service))
    for enum in file.enum_type:
        yield block(f"enum {enum.name}", enum_lines(enum))
    for message in file.message_type:
        yield block(f"message {message.name}", message_lines(message))


def shorten(text: str, package: str) -> str:
    """Types of the package itself and of Google's are written without their package."""
    return text.replace(f".{package}.", "").replace(".google.protobuf.", "")


def block(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines), ""])


def service_lines(service: ServiceDescriptorProto) -> list[str]:
    return sorted(method_line(method) for method in service.method)


def method_line(method: MethodDescriptorProto) -> str:
    request = "stream " * method.client_streaming + method.input_type
    response = "stream " * method.server_streaming + method.output_type
    return f"{method.name}({request}) -> {response}"


def enum_lines(enum: EnumDescriptorProto) -> list[str]:
    reserved = [f"{number} reserved" for span in enum.reserved_range for number in range(span.start, span.end + 1)]
    return [f"{value.number} {value.name}" for value in enum.value] + reserved


def message_lines(message: DescriptorProto) -> Iterator[str]:
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    for field in sorted(message.field, key=lambda field: field.number):
        yield f"{field.number} {field.name} {type_of(field, entries)}{oddities(field)}"
    for span in message.reserved_range:
        yield from (f"{number} reserved" for number in range(span.start, span.end))
    yield from (f"nested {nested.name}" for nested in message.nested_type if nested.name not in entries)
    yield from (f"nested {nested.name}" for nested in message.enum_type)


def type_of(field: FieldDescriptorProto, entries: dict[str, DescriptorProto]) -> str:
    if entry := entries.get(field.type_name.rpartition(".")[2]):
        key, value = (type_of(part, {}) for part in entry.field)
        return f"map<{key},{value}>"
    repeated = "repeated " * (field.label == FieldDescriptorProto.LABEL_REPEATED)
    return repeated + (field.type_name or scalar(field))


def scalar(field: FieldDescriptorProto) -> str:
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def oddities(field: FieldDescriptorProto) -> str:
    json_name = f" json {field.json_name}" * bool(field.json_name)
    presence = f" oneof {field.oneof_index}" * field.HasField("oneof_index")
    return json_name + presence + " packed" * field.options.HasField("packed")
