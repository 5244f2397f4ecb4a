"""A server that answers ListDefinitions and SetEnabled as it is told to, and remembers what it was sent."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from workflows.ops.v1 import definitions_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

Answer = Callable[[Any], Any]
METHODS = {
    "/workflows.v1.WorkflowService/ListDefinitions": pb.ListDefinitionsResponse(),
    "/workflows.ops.v1.DefinitionService/SetEnabled": ops.SetEnabledResponse(enabled=True),
}


@dataclass
class Refusing(grpc.GenericRpcHandler):
    """`statuses` are answered in turn, then all is well."""

    statuses: list[grpc.StatusCode] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        answer = METHODS.get(handler_call_details.method)
        if answer is None:
            return None

        async def answered(request: bytes, context: Any) -> bytes:
            self.metadata.append({key: value for key, value in context.invocation_metadata()})
            if self.statuses:
                await context.abort(self.statuses.pop(0), "told to")
            return answer.SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answered)


@asynccontextmanager
async def refusing(
    *statuses: grpc.StatusCode, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[Refusing]:
    found = Refusing(list(statuses))
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((found,))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    found.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield found
    finally:
        await server.stop(None)
