"""Requests about the versions of definitions: proto to domain values, with every bad-input check.

As in `parse`, all that is wrong is told at once. Drafts are read by `parse_version`, which collects what is wrong with
them; the inspector says the rest. Called by the servicer of definitions.
"""

from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct
from workflows.ops.v1 import definitions_pb2 as ops

from service.domain import forms
from service.domain.definition import Payload, Schemas
from service.edge import parse_version
from service.edge.checks import Checks
from service.edge.parse_version import Draft


@dataclass(frozen=True, slots=True)
class Diff:
    """Which two are compared: `after` is a version's number or a draft; 0 is the latest."""

    definition_id: str
    before: int
    after: int | Draft


def diff(request: ops.DiffVersionsRequest) -> Diff:
    checks = Checks()
    checks.texts(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("from_version", request.from_version)
    checks.not_negative("to_version", request.to_version)
    if request.draft.definition_id not in ("", request.definition_id):
        checks.note("draft.definition_id", "other_definition", "is of another definition")
    checks.settle()
    is_draft = request.WhichOneof("to") == "draft"
    after = parse_version.draft(request.draft, named=False) if is_draft else request.to_version
    return Diff(request.definition_id, request.from_version, after)


@dataclass(frozen=True, slots=True)
class OfVersion:
    """Version 0 is the latest, revision 0 the one in force."""

    definition_id: str
    version: int
    revision: int = 0


def schemas_asked(request: ops.GetSchemasRequest) -> OfVersion:
    checks = _of_version(request)
    checks.not_negative("revision", request.revision)
    checks.settle()
    return OfVersion(request.definition_id, request.version, request.revision)


def schemas(request: ops.SetSchemasRequest) -> tuple[OfVersion, Schemas]:
    checks = _of_version(request)
    wanted = Schemas(
        input=_schema(checks, "input_schema", request.input_schema),
        output=_schema(checks, "output_schema", request.output_schema),
    )
    checks.settle()
    return OfVersion(request.definition_id, request.version), wanted


def _of_version(request: ops.GetSchemasRequest | ops.SetSchemasRequest) -> Checks:
    checks = Checks()
    checks.texts(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("version", request.version)
    return checks


def _schema(checks: Checks, path: str, struct: Struct) -> Payload:
    schema = checks.payload(path, struct)
    if why := forms.fault(schema):
        checks.note(path, "bad_schema", why)
    return schema
