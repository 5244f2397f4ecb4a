"""A real server in front of the fakes, a real channel to it, and a way to look at its refusals."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from workflows.ops.v1 import (
    definitions_pb2_grpc,
    events_pb2_grpc,
    retention_pb2_grpc,
    runs_pb2_grpc,
    schedules_pb2_grpc,
    tasks_pb2_grpc,
)
from workflows.v1 import workflows_pb2_grpc

from service.edge.definitions.servicer import DefinitionService
from service.edge.events.servicer import EventService
from service.edge.gate.gate import Gate
from service.edge.retention.servicer import RetentionService
from service.edge.rpc.shield import Shield
from service.edge.runs.bulk_calls import BulkControl
from service.edge.runs.servicer import RunService
from service.edge.runs.watches import Watches
from service.edge.schedules.servicer import ScheduleService
from service.edge.server.server import MAX_CALLS, PING_SECONDS, EdgeServer, Services
from service.edge.tasks.servicer import TaskService
from service.edge.wire.answers import MAX_ANSWER_BYTES
from service.edge.workflows.inspector import Inspector
from service.edge.workflows.run_messages import Renderer
from service.edge.workflows.run_replies import RunReplies
from service.edge.workflows.servicer import WorkflowService
from tests.edge.fake_chosen import FakeChosen
from tests.edge.fake_events import FakeEvents
from tests.edge.fake_inquiries import FakeInquiries
from tests.edge.fake_retention import FakeRetention
from tests.edge.fake_schedules import FakeSchedules
from tests.edge.fake_schemas import FakeSchemas
from tests.edge.fakes import FakeDefinitions, FakeRuns, FakeTasks, FakeTriggers


@dataclass
class Edge:
    definitions: FakeDefinitions
    runs: FakeRuns
    tasks: FakeTasks
    schedules: FakeSchedules
    events: FakeEvents
    triggers: FakeTriggers
    retention: FakeRetention
    server: EdgeServer
    shield: Shield
    channel: grpc.aio.Channel
    stub: workflows_pb2_grpc.WorkflowServiceStub
    task_stub: tasks_pb2_grpc.HumanTaskServiceStub
    run_stub: runs_pb2_grpc.RunServiceStub
    definition_stub: definitions_pb2_grpc.DefinitionServiceStub
    schedule_stub: schedules_pb2_grpc.ScheduleServiceStub
    event_stub: events_pb2_grpc.EventServiceStub
    retention_stub: retention_pb2_grpc.RetentionServiceStub
    inquiries: FakeInquiries
    chosen: FakeChosen
    port: int
    schemas: FakeSchemas

    @property
    def committed(self) -> list[Any]:
        named = (self.definitions, self.schemas, self.runs, self.tasks, self.schedules, self.events, self.triggers)
        fakes = (*named, self.retention)
        return [what for fake in fakes for what in fake.committed]


@asynccontextmanager
async def serving(
    *,
    max_calls: int = MAX_CALLS,
    max_bytes: int = MAX_ANSWER_BYTES,
    gate: Gate | None = None,
    credentials: grpc.ServerCredentials | None = None,
    reflected: bool = True,
    ping_seconds: float = PING_SECONDS,
) -> AsyncIterator[Edge]:
    """With credentials the edge's own channel, a plain one, gets no answer."""
    fakes = (FakeDefinitions(), FakeRuns(), FakeTasks(), FakeSchedules(), FakeEvents(), FakeTriggers())
    definitions, runs, tasks, schedules, events, triggers = fakes
    retention, inquiries, chosen, schemas = FakeRetention(), FakeInquiries(), FakeChosen(), FakeSchemas()
    run_replies, shield, inspector = RunReplies(Renderer(), max_bytes), Shield(), Inspector()
    bulk = BulkControl(runs, chosen, chosen, shield)
    services = Services(
        WorkflowService(definitions, runs, triggers, inspector, run_replies, shield),
        TaskService(tasks, shield),
        RunService(runs, inquiries, bulk, run_replies, shield, Watches(most=2, soon_seconds=0.01)),
        DefinitionService(definitions, schemas, inquiries, inspector, shield),
        ScheduleService(schedules, shield),
        EventService(events, shield),
        RetentionService(retention, shield),
    )
    server = EdgeServer(
        services, shield, max_calls=max_calls, gate=gate, reflected=reflected, ping_seconds=ping_seconds
    )
    port = await server.start(credentials=credentials)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stubs = (
            workflows_pb2_grpc.WorkflowServiceStub(channel),
            tasks_pb2_grpc.HumanTaskServiceStub(channel),
            runs_pb2_grpc.RunServiceStub(channel),
            definitions_pb2_grpc.DefinitionServiceStub(channel),
            schedules_pb2_grpc.ScheduleServiceStub(channel),
            events_pb2_grpc.EventServiceStub(channel),
            retention_pb2_grpc.RetentionServiceStub(channel),
        )
        yield Edge(
            definitions,
            runs,
            tasks,
            schedules,
            events,
            triggers,
            retention,
            server,
            shield,
            channel,
            *stubs,
            inquiries,
            chosen,
            port,
            schemas,
        )
    await server.stop(1)
    inspector.close()


@dataclass
class Refused:
    """An error as a program sees it; `fields` maps a field's path to its reasons."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str] = field(default_factory=dict)
    fields: dict[str, list[str]] = field(default_factory=dict)
    retry_ms: int = 0
    text: str = ""


async def refused(call: Awaitable[Any]) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = caught.value
    seen = Refused(error.code(), error.details() or "", "", text=repr(error))
    raw = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    for detail in status_pb2.Status.FromString(raw).details:
        _note(seen, detail)
    return seen


def _note(seen: Refused, detail: Any) -> None:
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    if detail.Unpack(info):
        assert info.domain == "workflows"
        seen.reason, seen.metadata = info.reason, dict(info.metadata)
    elif detail.Unpack(bad):
        for violation in bad.field_violations:
            assert violation.description
            seen.fields.setdefault(violation.field, []).append(violation.reason)
    elif detail.Unpack(retry):
        seen.retry_ms = retry.retry_delay.ToMilliseconds()
