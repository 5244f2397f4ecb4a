"""GetGraph on the wire: which version is drawn, in which format, and every bad request."""

from typing import Any

import grpc
import pytest
from workflows.ops.v1 import definitions_pb2
from workflows.ops.v1 import runs_pb2 as ops

from service.domain.picture import Format
from tests.edge.edge import Edge, refused


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (ops.RUN_GRAPH_FORMAT_UNSPECIFIED, Format.MERMAID),
        (ops.RUN_GRAPH_FORMAT_MERMAID, Format.MERMAID),
        (ops.RUN_GRAPH_FORMAT_DOT, Format.DOT),
        (ops.RUN_GRAPH_FORMAT_SVG, Format.SVG),
    ],
)
async def test_a_version_is_drawn_in_the_format_asked_for(edge: Edge, number: Any, wanted: Format) -> None:
    request = definitions_pb2.GetGraphRequest(definition_id="wf_1", version=3, format=number)
    assert (await edge.definition_stub.GetGraph(request)).text == "flowchart TD\n"
    assert edge.inquiries.asked == [("wf_1", 3, wanted, None)]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "definition_id", "required"),
        ({"definition_id": "x" * 129}, "definition_id", "too_long"),
        ({"definition_id": "a\0"}, "definition_id", "nul_character"),
        ({"definition_id": "wf_1", "version": -1}, "version", "negative"),
        ({"definition_id": "wf_1", "format": 99}, "format", "unknown_enum_value"),
    ],
)
async def test_a_version_that_cannot_be_meant(edge: Edge, fields: dict[str, Any], field: str, reason: str) -> None:
    error = await refused(edge.definition_stub.GetGraph(definitions_pb2.GetGraphRequest(**fields)))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in error.fields.get(field, []), error.fields
    assert not edge.inquiries.asked


async def test_a_definition_that_is_not_there_has_no_graph(edge: Edge) -> None:
    edge.inquiries.drawn = None
    error = await refused(edge.definition_stub.GetGraph(definitions_pb2.GetGraphRequest(definition_id="wf_9")))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "definition_not_found")
