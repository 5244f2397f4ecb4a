"""SetSchemas and GetSchemas on the wire: what is a schema, what reaches the application, what comes back."""

from typing import Any

import pytest
from google.protobuf import json_format
from grpc import StatusCode
from workflows.ops.v1 import definitions_pb2 as ops

from service.domain.definition import SchemaRevision, Schemas
from tests.edge.edge import Edge, refused
from tests.edge.fakes import NOW, definition
from tests.world import struct

ROOT = {"type": "object", "required": ["email"]}


def setting(**fields: Any) -> ops.SetSchemasRequest:
    return ops.SetSchemasRequest(**{"definition_id": "wf_1", "version": 2, **fields})


async def test_what_is_set_comes_back(edge: Edge) -> None:
    request = setting(input_schema=struct(ROOT))
    found = (await edge.definition_stub.SetSchemas(request)).schemas
    assert json_format.MessageToDict(found, preserving_proto_field_name=True) == {
        "version": 2,
        "revision": 4,
        "input_schema": ROOT,
        "output_schema": {},
        "set_by": "anonymous",
        "set_at": "2026-11-21T02:30:00.123456Z",
    }
    ((definition_id, number, wanted, actor, idem),) = edge.committed
    assert (definition_id, number, wanted, actor, idem) == ("wf_1", 2, Schemas(0, ROOT, {}), "anonymous", None)


async def test_a_repeated_call_says_so(edge: Edge) -> None:
    edge.schemas.replay = True
    call = edge.definition_stub.SetSchemas(setting(), metadata=(("idempotency-key", "k1"),))
    await call
    assert dict(await call.initial_metadata())["idempotent-replay"] == "true"
    assert edge.committed[0][-1].key == "k1"


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"definition_id": ""}, "definition_id", "required"),
        ({"definition_id": "\0"}, "definition_id", "nul_character"),
        ({"version": -1}, "version", "negative"),
        ({"input_schema": struct({"type": "objekt"})}, "input_schema", "bad_schema"),
        ({"output_schema": struct({"type": 5})}, "output_schema", "bad_schema"),
        ({"input_schema": struct({"$ref": "https://example.org/a"})}, "input_schema", "bad_schema"),
        (
            {"input_schema": struct({"$schema": "http://json-schema.org/draft-07/schema#"})},
            "input_schema",
            "bad_schema",
        ),
        ({"input_schema": struct({"pattern": "(?=x)"})}, "input_schema", "bad_schema"),
        ({"input_schema": struct({"title": "\0"})}, "input_schema.title", "nul_character"),
        ({"input_schema": struct({"minimum": float("nan")})}, "input_schema.minimum", "not_finite"),
        ({"input_schema": struct({"title": "x" * 300_000})}, "input_schema", "payload_too_large"),
    ],
)
async def test_what_is_no_schema(edge: Edge, fields: dict[str, Any], field: str, reason: str) -> None:
    error = await refused(edge.definition_stub.SetSchemas(setting(**fields)))
    assert error.code is StatusCode.INVALID_ARGUMENT
    assert reason in error.fields[field]
    assert not edge.committed


async def test_what_is_wrong_with_both_is_told_at_once(edge: Edge) -> None:
    bad = struct({"type": "objekt"})
    error = await refused(edge.definition_stub.SetSchemas(setting(version=-1, input_schema=bad, output_schema=bad)))
    assert error.fields == {
        "version": ["negative"],
        "input_schema": ["bad_schema"],
        "output_schema": ["bad_schema"],
    }


async def test_reading(edge: Edge) -> None:
    edge.definitions.found = definition(latest_version=3)
    edge.schemas.found = SchemaRevision(3, Schemas(2, {}, ROOT), "user:ann", NOW)
    request = ops.GetSchemasRequest(definition_id="wf_1")
    found = (await edge.definition_stub.GetSchemas(request)).schemas
    assert (found.version, found.revision, found.set_by) == (3, 2, "user:ann")
    assert json_format.MessageToDict(found.output_schema) == ROOT
    assert edge.schemas.asked == [("wf_1", 3, 0)]


async def test_what_is_not_there(edge: Edge) -> None:
    edge.definitions.found = definition(latest_version=0)
    for number, reason in ((0, "not_published"), (9, "schemas_not_found")):
        request = ops.GetSchemasRequest(definition_id="wf_1", version=number)
        error = await refused(edge.definition_stub.GetSchemas(request))
        assert (error.code, error.reason) == (StatusCode.NOT_FOUND, reason)
    edge.schemas.found = SchemaRevision(1, Schemas())
    asked = ops.GetSchemasRequest(definition_id="wf_1", version=1, revision=7)
    assert (await refused(edge.definition_stub.GetSchemas(asked))).reason == "schemas_not_found"
    bad = ops.GetSchemasRequest(definition_id="wf_1", version=-1, revision=-1)
    assert set((await refused(edge.definition_stub.GetSchemas(bad))).fields) == {"version", "revision"}
