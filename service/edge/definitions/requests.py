"""Requests about definitions and their versions: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once. Drafts are read by `workflows.version_requests`, which
collects what is wrong with them; the inspector says the rest. Called by the servicer of definitions.
"""

from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct
from workflows.ops.v1 import definitions_pb2 as ops

from service.domain import forms
from service.domain.config import MAX_SECONDS
from service.domain.definition import Describing, Payload, Schemas
from service.domain.picture import Format
from service.edge.wire import enums
from service.edge.wire.checks import MAX_LONG_TEXT, Checks
from service.edge.workflows import version_requests
from service.edge.workflows.version_requests import Draft


@dataclass(frozen=True, slots=True)
class Diff:
    """Which two are compared: `after` is a version's number or a draft; 0 is the latest."""

    definition_id: str
    before: int
    after: int | Draft


def diff(request: ops.DiffVersionsRequest) -> Diff:
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("from_version", request.from_version)
    checks.not_negative("to_version", request.to_version)
    if request.draft.definition_id not in ("", request.definition_id):
        checks.note("draft.definition_id", "other_definition", "is of another definition")
    checks.settle()
    is_draft = request.WhichOneof("to") == "draft"
    after = version_requests.draft(request.draft, named=False) if is_draft else request.to_version
    return Diff(request.definition_id, request.from_version, after)


def graph(request: ops.GetGraphRequest) -> tuple[str, int, Format]:
    """The definition's id and the version, 0 for the latest."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("version", request.version)
    wanted = checks.member("format", request.format, enums.GRAPH_FORMAT_OF) or Format.MERMAID
    checks.settle()
    return request.definition_id, request.version, wanted


def describing(request: ops.DescribeDefinitionRequest) -> Describing:
    checks = Checks.of(request)
    checks.texts(request.tags, "tags.")
    checks.id("definition_id", request.definition_id, required=True)
    if not (request.HasField("description") or request.HasField("tags")):
        checks.note("description", "required", "is required, or the tags are")
    checks.text("description", request.description, most=MAX_LONG_TEXT)
    tags = checks.tags("tags.tags", request.tags.tags)
    checks.settle()
    return Describing(
        request.definition_id,
        request.description if request.HasField("description") else None,
        tags if request.HasField("tags") else None,
    )


def max_run_duration(request: ops.SetMaxRunDurationRequest) -> tuple[str, int]:
    """The definition's id and the seconds."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    if checks.not_negative("seconds", request.seconds) > MAX_SECONDS:
        checks.note("seconds", "absurd_duration", f"are more than {MAX_SECONDS}")
    checks.settle()
    return request.definition_id, request.seconds


def enabling(request: ops.SetEnabledRequest) -> tuple[str, bool]:
    """The definition's id, and whether it may start runs."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.settle()
    return request.definition_id, request.enabled


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
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("version", request.version)
    return checks


def _schema(checks: Checks, path: str, struct: Struct) -> Payload:
    schema = checks.payload(path, struct)
    if why := forms.fault(schema):
        checks.note(path, "bad_schema", why)
    return schema
