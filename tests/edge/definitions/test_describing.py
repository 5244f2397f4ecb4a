"""DescribeDefinition on the wire: what is given is set, what is not stays."""

from typing import Any

import grpc
import pytest
from workflows.ops.v1 import definitions_pb2 as ops

from service.domain.definition import Describing
from tests.edge.edge import Edge, refused

NO_TAGS = ops.DefinitionTags()


def asked(**said: Any) -> ops.DescribeDefinitionRequest:
    return ops.DescribeDefinitionRequest(**{"definition_id": "wf_1", **said})


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        pytest.param(asked(description="new"), Describing("wf_1", "new", None), id="the description"),
        pytest.param(asked(description=""), Describing("wf_1", "", None), id="an empty one"),
        pytest.param(asked(tags={"tags": ["a", "b"]}), Describing("wf_1", None, ("a", "b")), id="tags"),
        pytest.param(asked(description="new", tags=NO_TAGS), Describing("wf_1", "new", ()), id="both"),
    ],
)
async def test_what_is_given_is_set(edge: Edge, request_: ops.DescribeDefinitionRequest, wanted: Describing) -> None:
    told = (await edge.definition_stub.DescribeDefinition(request_)).definition
    assert told.id == "wf_1"
    assert edge.definitions.committed == [(wanted, None, "anonymous", None)]


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (asked(), {"description": ["required"]}),
        (asked(definition_id="", tags=NO_TAGS), {"definition_id": ["required"]}),
        (asked(description="\0"), {"description": ["nul_character"]}),
        (asked(tags={"tags": ["a", "\0"]}), {"tags.tags": ["nul_character"]}),
        (
            asked(description="d" * 10_001, tags={"tags": ["t" * 65, ""]}),
            {"description": ["too_long"], "tags.tags[0]": ["too_long"], "tags.tags[1]": ["blank"]},
        ),
    ],
)
async def test_what_cannot_be_set(
    edge: Edge, request_: ops.DescribeDefinitionRequest, fields: dict[str, list[str]]
) -> None:
    error = await refused(edge.definition_stub.DescribeDefinition(request_))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.fields == fields
    assert not edge.committed
