"""What the catalogue's requests are about: one of everything, in one workspace, that nothing changes by itself."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from workflows.ops.v1.definitions_pb2 import SetEnabledRequest
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.edge.server.server import CONTRACTS
from tests.journey.acting import report
from tests.journey.graphs import chain, task
from tests.world import World

FORM = {"type": "object", "properties": {"amount": {"type": "number"}}}
METHODS: Mapping[str, MethodDescriptor] = {
    f"{contract.full_name}/{method.name}": method for contract in CONTRACTS for method in contract.methods
}


async def scene(world: World) -> dict[str, str]:
    """Names and what they stand for."""
    tasks = chain(task("sign", config={"form_schema": FORM}), task("pay"))
    definition = (await world.publish(tasks)).definition
    run, done, failed = [await world.start(definition.id) for _ in range(3)]
    for step_id in ("sign", "pay"):
        await report(world, done.id, step_id, "COMPLETED")
    await report(world, failed.id, "sign", "FAILED")
    disabled = (await world.publish(chain(task("a")))).definition
    await DefinitionServiceStub(world.channel).SetEnabled(SetEnabledRequest(definition_id=disabled.id))
    nightly = pb.WorkflowTrigger(trigger_type=pb.TRIGGER_TYPE_SCHEDULE, cron_expr="0 2 1 * *")
    scheduled = await world.publish(pb.WorkflowVersion(steps=[task("a")], trigger=nightly))
    return {
        "$DEFINITION": definition.id,
        "$NAME": definition.name,
        "$DRAFT": (await world.definition()).id,
        "$DISABLED": disabled.id,
        "$SCHEDULED": scheduled.definition.id,
        "$RUN": run.id,
        "$DONE": done.id,
        "$FAILED": failed.id,
    }


def request(method: str, drawn: Mapping[str, Any], names: Mapping[str, str]) -> Message:
    return ParseDict(_filled(drawn, names), GetMessageClass(METHODS[method].input_type)())


async def call(world: World, method: str, sent: bytes, seconds: float | None = None) -> None:
    """Sends bytes and waits for the end of the answer."""
    if METHODS[method].server_streaming:
        stream: Any = world.channel.unary_stream(f"/{method}")
        async for _ in stream(sent, timeout=seconds):
            pass
    else:
        unary: Any = world.channel.unary_unary(f"/{method}")
        await unary(sent, timeout=seconds)


def _filled(drawn: Any, names: Mapping[str, str]) -> Any:
    if isinstance(drawn, dict):
        return {key: _filled(value, names) for key, value in drawn.items()}
    if isinstance(drawn, list):
        return [_filled(value, names) for value in drawn]
    if isinstance(drawn, str) and drawn.startswith("$"):
        name, slash, rest = drawn.partition("/")
        return names[name] + slash + rest
    return drawn
