"""A whole small world for journeys: the service in this process, simulated siblings, a NATS and a database of its own.

Tests act through gRPC and the bus like everybody else, and wait on signals: every published change wakes `until`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import nats
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from workflows.ops.v1.tasks_pb2_grpc import HumanTaskServiceStub
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.config import Config
from service.dev.hearing import hear
from service.dev.siblings.script import Script
from service.dev.siblings.simulation import SimulatedSiblings
from service.dev.tokens import bearing, with_dev_tokens
from service.engine.tracing import Tracer
from service.observing.observing import Observing
from service.wiring import Running, running

TESTDATA = Path(__file__).parent.parent / "proto/workflows/v1/testdata"
PATIENCE_SECONDS = 60.0
WORKSPACE = "ws_acme"


def fixture(name: str, kind: type[Message]) -> Any:
    """A contract fixture, read strictly."""
    return json_format.Parse((TESTDATA / name).read_text(), kind())


@dataclass(frozen=True, slots=True)
class Change:
    """One of our events as it came over the bus."""

    type: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def stream(self) -> str:
        return self.headers["ce-id"].rpartition(".")[0]

    @property
    def sequence(self) -> int:
        return int(self.headers["ce-sequence"])


@dataclass
class World:
    address: str
    siblings: SimulatedSiblings
    bus: Client
    channel: grpc.aio.Channel
    stub: WorkflowServiceStub
    tasks: HumanTaskServiceStub
    service: Running | None = None
    changes: list[Change] = field(default_factory=list)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def http(self) -> str:
        return self._service.http

    @property
    def observing(self) -> Observing:
        return self._service.observing

    @property
    def _service(self) -> Running:
        assert self.service is not None, "this world's service is a process of its own"
        return self.service

    async def hear(self, message: Msg) -> None:
        async with self.heard:
            self.changes.append(Change(message.subject, message.headers or {}, json.loads(message.data)))
            self.heard.notify_all()

    async def definition(self, name: str = "") -> pb.WorkflowDefinition:
        request = pb.CreateDefinitionRequest(workspace_id=WORKSPACE, name=name or f"definition {uuid4()}")
        return (await self.stub.CreateDefinition(request)).definition

    async def publish(self, like: Any, definition: pb.WorkflowDefinition | None = None) -> pb.PublishVersionResponse:
        """Publishes what `like` has of a version (a WorkflowVersion or a PublishVersionRequest)."""
        definition = definition or await self.definition()
        return await self.stub.PublishVersion(
            pb.PublishVersionRequest(
                definition_id=definition.id,
                steps=like.steps,
                edges=like.edges,
                trigger=like.trigger if like.HasField("trigger") else None,
                default_retry_policy=like.default_retry_policy if like.HasField("default_retry_policy") else None,
                timeout_seconds=like.timeout_seconds,
                author=like.author,
            )
        )

    async def start(
        self, definition_id: str, payload: Mapping[str, Any] | None = None, **fields: Any
    ) -> pb.WorkflowRun:
        request = pb.StartRunRequest(definition_id=definition_id, input_payload=struct(payload or {}), **fields)
        return (await self.stub.StartRun(request)).run

    async def run(self, run_id: str) -> pb.WorkflowRun:
        return (await self.stub.GetRun(pb.GetRunRequest(id=run_id))).run

    async def until(self, run_id: str, wanted: Callable[[pb.WorkflowRun], bool]) -> pb.WorkflowRun:
        """Looks at the run after each of its changes until it is as wanted."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.heard:
            while not wanted(found := await self.run(run_id)):
                await self.heard.wait()
        return found

    async def until_step(self, run_id: str, step_id: str, state: str) -> pb.StepRun:
        run = await self.until(run_id, lambda run: step_state(run, step_id) == state)
        return next(step for step in run.steps if step.step_id == step_id)

    async def until_ended(self, run_id: str) -> pb.WorkflowRun:
        return await self.until(run_id, lambda run: run.HasField("completed_at"))

    async def told(self, run_id: str, count: int) -> list[Change]:
        """The run's changes on the bus, once there are that many."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.heard:
            await self.heard.wait_for(lambda: len(self._of(run_id)) >= count)
        return self._of(run_id)

    async def until_told(self, run_id: str, last: str, patience_seconds: float = PATIENCE_SECONDS) -> list[Change]:
        """The run's changes on the bus up to the first of that type, `run.completed` say."""
        kind = f"workflows.changes.{last}"
        async with asyncio.timeout(patience_seconds), self.heard:
            await self.heard.wait_for(lambda: any(change.type == kind for change in self._of(run_id)))
        return self._of(run_id)

    def _of(self, stream: str) -> list[Change]:
        return [change for change in self.changes if change.stream == stream]

    async def say(
        self,
        event_type: str,
        payload: Mapping[str, Any],
        tenant: str = WORKSPACE,
        event_id: str = "",
        bus_subject: str = "",
        **attributes: str,
    ) -> str:
        """Publishes a foreign event: CloudEvents headers around a plain JSON object."""
        event_id = event_id or str(uuid4())
        headers = {
            "ce-specversion": "1.0",
            "ce-id": event_id,
            "ce-type": event_type,
            "ce-source": "tests",
            "ce-tenantid": tenant,
            "content-type": "application/json",
            **{f"ce-{name}": value for name, value in attributes.items()},
        }
        await self.bus.jetstream().publish(bus_subject or event_type, json.dumps(payload).encode(), headers=headers)
        return event_id


def struct(payload: Mapping[str, Any]) -> Struct:
    return json_format.ParseDict(dict(payload), Struct())


def step_state(run: pb.WorkflowRun, step_id: str) -> str:
    state = next(step.state for step in run.steps if step.step_id == step_id)
    return pb.StepRunState.Name(state).removeprefix("STEP_RUN_STATE_")


@asynccontextmanager
async def world(
    dsn: str,
    nats_url: str,
    script: Script,
    settings: Mapping[str, str] | None = None,
    token: str = "",
    tracer: Tracer | None = None,
) -> AsyncIterator[World]:
    """The database must be migrated; the NATS must be this world's own. `settings` replace the service's, `tracer` the
    one that they ask for. With a `token` everybody needs one; the world's own calls show this one, of the script or of
    `dev.tokens`."""
    script = with_dev_tokens(script) if token else script
    async with SimulatedSiblings(script, nats_url) as siblings:
        environment = {
            "DATABASE_URL": dsn,
            "NATS_URL": nats_url,
            "GRPC_ADDRESS": "127.0.0.1:0",
            "HTTP_ADDRESS": "127.0.0.1:0",
            "AUTH": "tokens" if token else "off",
            **{f"{name.upper()}_ADDRESS": address for name, address in siblings.addresses.items()},
            **(settings or {}),
        }
        async with (
            running(Config.read(environment), tracer) as service,
            around(siblings, nats_url, service.grpc, token) as found,
        ):
            found.service = service
            yield found


@asynccontextmanager
async def around(siblings: SimulatedSiblings, nats_url: str, address: str, token: str = "") -> AsyncIterator[World]:
    """The world around a service that listens there, now or later."""
    bus_client = nats.connect(nats_url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
    async with await bus_client as bus, bearing(address, token) as channel:
        found = World(address, siblings, bus, channel, WorkflowServiceStub(channel), HumanTaskServiceStub(channel))
        await hear(bus, "workflows.changes.>", found.hear)
        yield found
