"""The gRPC server: our services, health and reflection behind one interceptor, on one address.

Health is NOT_SERVING until `set_serving(True)`; whoever watches the database and the bus flips it. Stopping says so
first, ends the watches, lets calls in flight finish, then waits for the commits they left behind. Made by wiring.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]
from workflows.ops.v1 import definitions_pb2, events_pb2, retention_pb2, runs_pb2, schedules_pb2, tasks_pb2
from workflows.v1 import workflows_pb2 as pb

from service.edge.context import Context
from service.edge.definitions.servicer import DefinitionService
from service.edge.events.servicer import EventService
from service.edge.gate.gate import Gate
from service.edge.retention.servicer import RetentionService
from service.edge.rpc.interceptor import Interceptor
from service.edge.rpc.meter import RpcMeter
from service.edge.rpc.shield import Shield
from service.edge.runs.servicer import RunService
from service.edge.schedules.servicer import ScheduleService
from service.edge.tasks.servicer import TaskService
from service.edge.workflows.servicer import WorkflowService
from service.engine.tracing import UNTRACED, Tracer

LOOPBACK = "127.0.0.1:0"
MAX_REQUEST_BYTES = 1024 * 1024
MAX_CALLS = 1_000
STOP_SECONDS = 10.0
PING_SECONDS = 30.0
"""A client from whom nothing comes for so long is asked whether it is there, and left when it has not answered after as
long again; else one that vanished without a word would keep its watches for hours."""
PINGED_SECONDS = 10
"""Clients may ask the same of us so often; grpc's own five minutes cut off whoever follows a quiet run."""

CONTRACTS = (
    pb.DESCRIPTOR.services_by_name["WorkflowService"],
    tasks_pb2.DESCRIPTOR.services_by_name["HumanTaskService"],
    runs_pb2.DESCRIPTOR.services_by_name["RunService"],
    definitions_pb2.DESCRIPTOR.services_by_name["DefinitionService"],
    schedules_pb2.DESCRIPTOR.services_by_name["ScheduleService"],
    events_pb2.DESCRIPTOR.services_by_name["EventService"],
    retention_pb2.DESCRIPTOR.services_by_name["RetentionService"],
)
OURS = tuple(contract.full_name for contract in CONTRACTS)

# Overload is answered by our own layer; grpc's own limits answer a bare CANCELLED, so they are out of the way.
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.server.max_pending_requests", 10_000),
    ("grpc.server.max_pending_requests_hard_limit", 20_000),
    ("grpc.so_reuseport", 0),
    ("grpc.compression_enabled_algorithms_bitset", 1),  # none: a small message must not become a large one
    ("grpc.http2.min_ping_interval_without_data_ms", PINGED_SECONDS * 1000),
    ("grpc.http2.max_pings_without_data", 0),  # no bound: a quiet watch is asked for as long as it lasts
)


class Services(NamedTuple):
    """Who answers, in the order of the contracts."""

    workflows: WorkflowService
    tasks: TaskService
    runs: RunService
    definitions: DefinitionService
    schedules: ScheduleService
    events: EventService
    retention: RetentionService


class EdgeServer:
    """`gate` says who may call; the default lets everybody in."""

    def __init__(
        self,
        services: Services,
        shield: Shield,
        *,
        max_calls: int = MAX_CALLS,
        gate: Gate | None = None,
        reflected: bool = True,
        tracer: Tracer = UNTRACED,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._shield = shield
        self._watches = services.runs.watches
        self.meter = RpcMeter()
        self._health = health.aio.HealthServicer()
        interceptor = Interceptor(max_calls, gate or Gate(), self.meter, tracer)
        self._server = grpc.aio.server(interceptors=(interceptor,), options=(*_OPTIONS, *_asking(ping_seconds)))
        self._server.add_generic_rpc_handlers(
            _handlers(contract, service) for contract, service in zip(CONTRACTS, services, strict=True)
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if reflected:
            reflection.enable_server_reflection((*OURS, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self, address: str = LOOPBACK, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listens and gives the port; without credentials there is no TLS. Raises RuntimeError when the address is
        taken."""
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        await self.set_serving(False)
        await self._server.start()
        return port

    async def set_serving(self, serving: bool) -> None:
        """What health answers, for the whole server and for each of our services."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *OURS):
            await self._health.set(name, status)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Returns within that time; calls and commits that take longer are cut."""
        deadline = asyncio.get_running_loop().time() + seconds
        await self._health.enter_graceful_shutdown()
        self._watches.end()
        await self._server.stop(seconds * 0.8)
        await self._shield.drain(deadline - asyncio.get_running_loop().time())


def _asking(seconds: float) -> Iterator[tuple[str, int]]:
    for name in ("grpc.keepalive_time_ms", "grpc.http2.ping_timeout_ms"):
        yield name, int(seconds * 1000)


def _handlers(contract: ServiceDescriptor, service: object) -> grpc.GenericRpcHandler:
    """Every RPC of the contract; the service's methods give the response's bytes."""
    return grpc.method_handlers_generic_handler(
        contract.full_name, {method.name: _handler(method, service) for method in contract.methods}
    )


def _handler(method: MethodDescriptor, service: object) -> "grpc.RpcMethodHandler[Any, Any]":
    call: Callable[[Any, Context], Awaitable[Any]] = getattr(service, method.name)
    request = GetMessageClass(method.input_type)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(call, request.FromString, None)
    return grpc.unary_unary_rpc_method_handler(call, request.FromString, None)
