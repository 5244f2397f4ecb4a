"""The page about definitions: its calls are made, in order, and answered as it says."""

import json
import re
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from workflows.ops.v1 import definitions_pb2
from workflows.v1 import workflows_pb2 as pb

from service.domain.forms import MAX_NODES, MAX_WORK, MOST_VIOLATIONS
from service.domain.publish.expressions import MAX_EXPRESSIONS
from service.domain.publish.structure import MAX_EDGES, MAX_STEPS
from service.domain.suggestions import LONGEST, MOST_LOOKS
from service.edge.definitions.replies import MOST_FINDINGS
from tests.edge.edge import refused
from tests.world import World

PAGE = (Path(__file__).parents[2] / "docs/definitions.md").read_text()
BLOCKS = re.findall(r"^```json ?(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SERVICES = (
    pb.DESCRIPTOR.services_by_name["WorkflowService"],
    definitions_pb2.DESCRIPTOR.services_by_name["DefinitionService"],
)


async def test_the_page_is_what_happens(world: World) -> None:
    definition = await world.definition("refund")
    answer: dict[str, Any] = {}
    for method, text in BLOCKS:
        said = json.loads(text)
        if not method:
            said.get("schemas", {}).pop("set_at", None)
            assert said == answer
            continue
        answer = await called(world, method, json.loads(text.replace("wf_...", definition.id)))
        if method == "PublishVersion":
            await world.start(definition.id, {"amount": 50.0})


async def called(world: World, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """The answer as JSON without its times, or the error in the page's words."""
    service = next(service for service in SERVICES if method in service.methods_by_name)
    found = service.methods_by_name[method]
    call: Any = world.channel.unary_unary(
        f"/{service.full_name}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(found.output_type).FromString,
    )
    message = json_format.ParseDict(request, GetMessageClass(found.input_type)())
    if method == "StartRun":
        error = await refused(call(message))
        assert isinstance(error.code, grpc.StatusCode)
        return {"code": error.code.name, "reason": error.reason, "message": error.message, "fields": error.fields}
    answer = json_format.MessageToDict(await call(message), preserving_proto_field_name=True)
    answer.get("schemas", {}).pop("set_at", None)
    return answer


def test_its_bounds_are_those_of_the_code() -> None:
    for number in (
        MAX_STEPS,
        MAX_EDGES,
        MAX_EXPRESSIONS,
        MOST_FINDINGS,
        MAX_NODES,
        MAX_WORK,
        MOST_VIOLATIONS,
        LONGEST,
        MOST_LOOKS,
    ):
        assert f"{number:,}" in PAGE.split("## Bounds")[1]
