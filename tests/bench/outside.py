"""The service in a process of its own, and this process as its client over gRPC.

Client and server share the two cores and nothing else. The service publishes its changes while it answers, as always.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.struct_pb2 import Struct, Value
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.dev.service_process import ServiceProcess
from tests.bench import graphs
from tests.bench.servers import Servers


@dataclass(frozen=True, slots=True)
class Outside:
    stub: WorkflowServiceStub
    health: health_pb2_grpc.HealthStub

    async def empty_call(self) -> None:
        """As little as a unary call on this server can be."""
        await self.health.Check(health_pb2.HealthCheckRequest())

    async def start(self, definition_id: str, number: int) -> pb.WorkflowRun:
        request = pb.StartRunRequest(definition_id=definition_id, input_payload=struct(number))
        return (await self.stub.StartRun(request)).run

    async def complete(self, run_id: str, step_id: str, number: int) -> None:
        completed = pb.STEP_RUN_STATE_COMPLETED
        await self.stub.TransitionStep(
            pb.TransitionStepRequest(run_id=run_id, step_id=step_id, state=completed, output_payload=struct(number))
        )


def struct(number: int) -> Struct:
    """`graphs.payload` as the wire has it."""
    return Struct(fields={key: Value(string_value=value) for key, value in graphs.payload(number).items()})


@asynccontextmanager
async def outside(servers: Servers, dsn: str) -> AsyncIterator[Outside]:
    """Raises LauncherError."""
    serving = ServiceProcess(servers.environment(dsn))
    async with serving, grpc.aio.insecure_channel(serving.grpc) as channel:
        yield Outside(WorkflowServiceStub(channel), health_pb2_grpc.HealthStub(channel))
