"""Every RPC with a request that is right: what a caller of the workspace would send about things that are there.

`Scene` makes the things anew for each look, so that no RPC meets what another one left. A new RPC needs a line in
`REQUESTS`; the tests say so.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import psycopg
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import definitions_pb2, events_pb2, retention_pb2, runs_pb2, schedules_pb2, tasks_pb2
from workflows.ops.v1.retention_pb2_grpc import RetentionServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.edge.server.server import CONTRACTS
from tests.journey.graphs import chain, step, task
from tests.journey.triggering import on_tick
from tests.world import WORKSPACE, World, struct

METHODS = {f"{contract.name}.{method.name}": method for contract in CONTRACTS for method in contract.methods}
"""By a name short enough to read."""

OWNED = (
    "select id, version::text from workflow_runs",
    "select id, sequence::text || enabled || max_run_seconds from workflow_definitions",
    "select definition_id, version::text || '/' || revision from version_schemas",
    "select definition_id, version::text || coalesce(paused_at::text, '') from schedules",
    "select run_id || step_id, version::text || status || claimed_by from human_tasks",
    "select stream_id, sequence::text from changes",
    "select id::text, coalesce(replayed_at::text, '') from dead_letters",
    "select source || event_id, type from bus_events",
    "select scope, key from start_keys",
    "select caller, key from rpc_answers",
    "select run_id, reason from run_audit",
    "select run_id, text from interactions",
    "select run_id, reason from run_holds",
    "select state, keep_seconds::text from retention_policies",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is in the workspace: a definition with a run whose task is open and one that is held, one that
    the clock starts, a message that was put aside, an event that was heard."""

    definition_id: str
    name: str
    run_id: str
    scheduled_id: str
    letter_id: int
    event_id: str
    held_id: str

    @property
    def ids(self) -> tuple[str, ...]:
        return self.definition_id, self.run_id, self.scheduled_id, self.name, self.event_id

    @property
    def task_id(self) -> str:
        return f"{self.run_id}/sign"


async def scene(world: World, owner: psycopg.AsyncConnection[Any]) -> Scene:
    name, event_id = f"payroll {uuid4()}", f"evt_{uuid4()}"
    published = await world.publish(chain(task("sign"), task("file")), await world.definition(name))
    run = await world.start(published.definition.id)
    held = await world.start(published.definition.id)
    await world.stub.CancelRun(pb.CancelRunRequest(id=held.id))
    retention = RetentionServiceStub(world.channel)
    await retention.HoldRun(retention_pb2.HoldRunRequest(run_id=held.id, reason="a suit"))
    await retention.SetPolicy(retention_pb2.SetPolicyRequest(state=pb.WORKFLOW_STATE_FAILED, keep_seconds=0))
    scheduled = await world.publish(chain(task("sign"), trigger=on_tick("0 0 1 1 *")))
    heard = events_request(event_id)
    await world.stub.HandleTrigger(heard)
    letters = await owner.execute(
        "insert into dead_letters (workspace_id, bus_subject, raw, headers, reason)"
        " values (%s, 'siphon.tap.x', '{', '{}', 'bad_json') returning id",
        (WORKSPACE,),
    )
    letter = await letters.fetchone()
    await world.until_step(run.id, "sign", "WAITING")
    assert letter is not None
    return Scene(published.definition.id, name, run.id, scheduled.definition.id, letter[0], event_id, held.id)


def events_request(event_id: str, workspace_id: str = WORKSPACE) -> pb.HandleTriggerRequest:
    return pb.HandleTriggerRequest(
        workspace_id=workspace_id,
        trigger_type=pb.TRIGGER_TYPE_EVENT,
        trigger_event_id=event_id,
        event_type="nobody.waits",
    )


async def owned(owner: psycopg.AsyncConnection[Any], workspace_id: str) -> list[Any]:
    """Every row of the workspace that a caller could have changed."""
    found = []
    for query in OWNED:
        rows = await owner.execute(f"{query} where workspace_id = %s order by 1, 2".encode(), (workspace_id,))
        found.append(await rows.fetchall())
    return found


async def send(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, *metadata: tuple[str, str]
) -> Any:
    """The answer, of a stream the first; raises AioRpcError."""
    assert method.containing_service is not None
    path = f"/{method.containing_service.full_name}/{method.name}"
    answer = GetMessageClass(method.output_type).FromString
    if not method.server_streaming:
        return await channel.unary_unary(path, type(request).SerializeToString, answer)(request, metadata=metadata)
    stream = channel.unary_stream(path, type(request).SerializeToString, answer)(request, metadata=metadata)
    try:
        async with asyncio.timeout(60):
            return await stream.read()
    finally:
        stream.cancel()


def _moment(year: int) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime(year, 6, 1, tzinfo=UTC))
    return found


def _step() -> pb.StepDefinition:
    return step("only", "HUMAN_TASK")


REQUESTS: Mapping[str, Callable[[Scene], Message]] = {
    "WorkflowService.CreateDefinition": lambda at: pb.CreateDefinitionRequest(name=f"{uuid4()}"),
    "WorkflowService.GetDefinition": lambda at: pb.GetDefinitionRequest(id=at.definition_id),
    "WorkflowService.ListDefinitions": lambda at: pb.ListDefinitionsRequest(),
    "WorkflowService.PublishVersion": lambda at: pb.PublishVersionRequest(
        definition_id=at.definition_id, steps=[_step()]
    ),
    "WorkflowService.ListVersions": lambda at: pb.ListVersionsRequest(definition_id=at.definition_id),
    "WorkflowService.StartRun": lambda at: pb.StartRunRequest(definition_id=at.definition_id),
    "WorkflowService.HandleTrigger": lambda at: events_request(f"evt_{uuid4()}", ""),
    "WorkflowService.GetRun": lambda at: pb.GetRunRequest(id=at.run_id),
    "WorkflowService.ListRuns": lambda at: pb.ListRunsRequest(definition_id=at.definition_id),
    "WorkflowService.TransitionStep": lambda at: pb.TransitionStepRequest(
        run_id=at.run_id, step_id="file", state=pb.STEP_RUN_STATE_SKIPPED
    ),
    "WorkflowService.PauseRun": lambda at: pb.PauseRunRequest(id=at.run_id),
    "WorkflowService.ResumeRun": lambda at: pb.ResumeRunRequest(id=at.run_id),
    "WorkflowService.CancelRun": lambda at: pb.CancelRunRequest(id=at.run_id),
    "WorkflowService.CompensateRun": lambda at: pb.CompensateRunRequest(id=at.run_id),
    "HumanTaskService.ListTasks": lambda at: tasks_pb2.ListTasksRequest(),
    "HumanTaskService.GetTask": lambda at: tasks_pb2.GetTaskRequest(id=at.task_id),
    "HumanTaskService.ClaimTask": lambda at: tasks_pb2.ClaimTaskRequest(id=at.task_id),
    "HumanTaskService.ReleaseTask": lambda at: tasks_pb2.ReleaseTaskRequest(id=at.task_id),
    "HumanTaskService.ReassignTask": lambda at: tasks_pb2.ReassignTaskRequest(id=at.task_id, assignee="bob"),
    "HumanTaskService.CommentTask": lambda at: tasks_pb2.CommentTaskRequest(id=at.task_id, text="late"),
    "HumanTaskService.CompleteTask": lambda at: tasks_pb2.CompleteTaskRequest(id=at.task_id),
    "HumanTaskService.RejectTask": lambda at: tasks_pb2.RejectTaskRequest(id=at.task_id),
    "RunService.RetryStep": lambda at: runs_pb2.RetryStepRequest(run_id=at.run_id, step_id="sign"),
    "RunService.SkipStep": lambda at: runs_pb2.SkipStepRequest(run_id=at.run_id, step_id="file"),
    "RunService.ForkRun": lambda at: runs_pb2.ForkRunRequest(run_id=at.run_id, step_id="sign"),
    "RunService.PreviewCompensation": lambda at: runs_pb2.PreviewCompensationRequest(run_id=at.run_id),
    "RunService.ExplainRun": lambda at: runs_pb2.ExplainRunRequest(run_id=at.run_id),
    "RunService.ListRunEvents": lambda at: runs_pb2.ListRunEventsRequest(run_id=at.run_id),
    "RunService.WatchRun": lambda at: runs_pb2.WatchRunRequest(run_id=at.run_id),
    "RunService.GetRunGraph": lambda at: runs_pb2.GetRunGraphRequest(run_id=at.run_id),
    "RunService.SearchRuns": lambda at: runs_pb2.SearchRunsRequest(definition_id=at.definition_id),
    "RunService.ControlRuns": lambda at: runs_pb2.ControlRunsRequest(
        filter=runs_pb2.SearchRunsRequest(definition_id=at.definition_id), control=runs_pb2.RUN_CONTROL_CANCEL
    ),
    "DefinitionService.DescribeDefinition": lambda at: definitions_pb2.DescribeDefinitionRequest(
        definition_id=at.definition_id, description="told anew"
    ),
    "DefinitionService.SetMaxRunDuration": lambda at: definitions_pb2.SetMaxRunDurationRequest(
        definition_id=at.definition_id, seconds=60
    ),
    "DefinitionService.SetEnabled": lambda at: definitions_pb2.SetEnabledRequest(definition_id=at.definition_id),
    "DefinitionService.ValidateVersion": lambda at: definitions_pb2.ValidateVersionRequest(
        draft=pb.PublishVersionRequest(definition_id=at.definition_id, steps=[_step()])
    ),
    "DefinitionService.DiffVersions": lambda at: definitions_pb2.DiffVersionsRequest(
        definition_id=at.definition_id, from_version=1, to_version=1
    ),
    "DefinitionService.GetGraph": lambda at: definitions_pb2.GetGraphRequest(definition_id=at.definition_id),
    "DefinitionService.SetSchemas": lambda at: definitions_pb2.SetSchemasRequest(
        definition_id=at.definition_id, input_schema=struct({"type": "object"})
    ),
    "DefinitionService.GetSchemas": lambda at: definitions_pb2.GetSchemasRequest(definition_id=at.definition_id),
    "ScheduleService.GetSchedule": lambda at: schedules_pb2.GetScheduleRequest(definition_id=at.scheduled_id),
    "ScheduleService.ListSchedules": lambda at: schedules_pb2.ListSchedulesRequest(),
    "ScheduleService.PauseSchedule": lambda at: schedules_pb2.PauseScheduleRequest(definition_id=at.scheduled_id),
    "ScheduleService.ResumeSchedule": lambda at: schedules_pb2.ResumeScheduleRequest(definition_id=at.scheduled_id),
    "ScheduleService.SetSchedulePolicy": lambda at: schedules_pb2.SetSchedulePolicyRequest(
        definition_id=at.scheduled_id, jitter_seconds=1
    ),
    "ScheduleService.ListUpcoming": lambda at: schedules_pb2.ListUpcomingRequest(definition_id=at.scheduled_id),
    "ScheduleService.Backfill": lambda at: schedules_pb2.BackfillRequest(
        definition_id=at.scheduled_id, **{"from": _moment(2024)}, to=_moment(2025)
    ),
    "EventService.ListDeadLetters": lambda at: events_pb2.ListDeadLettersRequest(),
    "EventService.GetDeadLetter": lambda at: events_pb2.GetDeadLetterRequest(id=at.letter_id),
    "EventService.ReplayDeadLetter": lambda at: events_pb2.ReplayDeadLetterRequest(id=at.letter_id),
    "EventService.DiscardDeadLetter": lambda at: events_pb2.DiscardDeadLetterRequest(id=at.letter_id),
    "EventService.ListEvents": lambda at: events_pb2.ListEventsRequest(),
    "EventService.GetEvent": lambda at: events_pb2.GetEventRequest(source="rpc", id=at.event_id),
    "EventService.Republish": lambda at: events_pb2.RepublishRequest(since=_moment(2020), run_id=at.run_id),
    "RetentionService.SetPolicy": lambda at: retention_pb2.SetPolicyRequest(
        state=pb.WORKFLOW_STATE_COMPLETED, keep_seconds=0
    ),
    "RetentionService.ListPolicies": lambda at: retention_pb2.ListPoliciesRequest(),
    "RetentionService.DeletePolicy": lambda at: retention_pb2.DeletePolicyRequest(state=pb.WORKFLOW_STATE_FAILED),
    "RetentionService.HoldRun": lambda at: retention_pb2.HoldRunRequest(run_id=at.run_id, reason="a suit"),
    "RetentionService.ReleaseRun": lambda at: retention_pb2.ReleaseRunRequest(run_id=at.held_id),
    "RetentionService.ListHolds": lambda at: retention_pb2.ListHoldsRequest(),
    "RetentionService.ListPurges": lambda at: retention_pb2.ListPurgesRequest(),
    "RetentionService.Purge": lambda at: retention_pb2.PurgeRequest(older_than_seconds=0),
}
