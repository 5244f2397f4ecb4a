"""The RPCs on people's tasks: what arrives as a command, who is said to act, what comes back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from workflows.ops.v1 import tasks_pb2 as ops

from service.domain.commands import (
    ClaimTask,
    CommentTask,
    CompleteTask,
    Envelope,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    TaskCommand,
)
from service.domain.errors import Kind, Refusal
from service.domain.state import TaskStatus
from service.domain.task_list import TaskComment, TaskFilter
from service.edge.tasks.replies import MAX_COMMENTS
from service.edge.wire.answers import MAX_ANSWER_BYTES
from tests.edge import fakes
from tests.edge.edge import Edge, refused

ID = "wfr_1/check"
KEY = (("idempotency-key", "k1"),)
AT = "2026-11-21T02:30:00.123456Z"
TASK: dict[str, Any] = {
    "id": ID,
    "run_id": "wfr_1",
    "step_id": "check",
    "attempt": 1,
    "definition_id": "wf_1",
    "workspace_id": "acme",
    "state": "HUMAN_TASK_STATE_CLAIMED",
    "title": "Check the address",
    "instructions": "Call them.",
    "form_schema": {"type": "object", "required": ["ok"]},
    "assignee": "ann",
    "group": "sales",
    "due_at": AT,
    "remind_at": AT,
    "claimed_by": "ann",
    "version": 3,
    "opened_at": AT,
    "comments": [{"author": "bob", "text": "No answer.", "at": AT}],
}

CHANGES: list[tuple[type[Message], dict[str, Any], TaskCommand]] = [
    (ops.ClaimTaskRequest, {}, ClaimTask("check", 3, "ann")),
    (ops.ReleaseTaskRequest, {}, ReleaseTask("check", 3, "ann")),
    (ops.ReassignTaskRequest, {"assignee": "bob", "group": "ops"}, ReassignTask("check", 3, "ann", "bob", "ops")),
    (ops.ReassignTaskRequest, {"group": "ops"}, ReassignTask("check", 3, "ann", "", "ops")),
    (ops.CommentTaskRequest, {"text": "Called."}, CommentTask("check", 3, "ann", "Called.")),
    (ops.CompleteTaskRequest, {"output": {"ok": True}}, CompleteTask("check", 3, "ann", {"ok": True})),
    (ops.CompleteTaskRequest, {}, CompleteTask("check", 3, "ann", {})),
    (ops.RejectTaskRequest, {"reason": "Wrong team."}, RejectTask("check", 3, "ann", "Wrong team.")),
    (ops.RejectTaskRequest, {}, RejectTask("check", 3, "ann", "")),
]


async def ask(edge: Edge, request: Message, **options: Any) -> Any:
    return await call(edge, request, **options)


def call(edge: Edge, request: Message, **options: Any) -> Any:
    return getattr(edge.task_stub, request.DESCRIPTOR.name.removesuffix("Request"))(request, **options)


def plain(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


@pytest.mark.parametrize(("kind", "said", "command"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_change_is_a_command_to_the_run(
    edge: Edge, kind: type[Message], said: dict[str, Any], command: TaskCommand
) -> None:
    answer = await ask(edge, kind(id=ID, expected_version=3, user_id="ann", **said))
    [(run_id, step_id, envelope, visible)] = edge.tasks.committed
    assert (run_id, step_id, visible) == ("wfr_1", "check", None)
    assert isinstance(envelope, Envelope)
    assert (envelope.command, envelope.actor, envelope.guarded) == (command, "user:ann", False)
    assert plain(answer.task) == TASK


async def test_whoever_names_nobody_acts_as_they_are(edge: Edge) -> None:
    await ask(edge, ops.ClaimTaskRequest(id=ID))
    envelope = edge.tasks.committed[0][2]
    assert (envelope.command, envelope.actor) == (ClaimTask("check", 0, "anonymous"), "anonymous")


async def test_a_key_guards_a_change_and_belongs_to_one_rpc(edge: Edge) -> None:
    for kind in (ops.ClaimTaskRequest, ops.ClaimTaskRequest, ops.ReleaseTaskRequest):
        await ask(edge, kind(id=ID), metadata=KEY)
    first, again, other = (envelope for _, _, envelope, _ in edge.tasks.committed)
    assert first.guarded
    assert (first.cause, first.digest) == (again.cause, again.digest)
    assert first.cause == other.cause
    assert first.digest != other.digest


async def test_a_replay_says_so_in_its_header(edge: Edge) -> None:
    for replay in (False, True):
        edge.tasks.replay = replay
        claiming = call(edge, ops.ClaimTaskRequest(id=ID), metadata=KEY)
        await claiming
        assert ("idempotent-replay" in dict(await claiming.initial_metadata())) is replay


async def test_a_refusal_of_the_rules_reaches_the_caller(edge: Edge) -> None:
    edge.tasks.error = Refusal(Kind.CONFLICT, "task_version", "the task has changed")
    error = await refused(ask(edge, ops.ClaimTaskRequest(id=ID)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "task_version")


async def test_reading_one(edge: Edge) -> None:
    assert plain((await ask(edge, ops.GetTaskRequest(id=ID))).task) == TASK
    assert edge.tasks.asked == [("wfr_1", "check", None)]


async def test_one_that_is_not_there(edge: Edge) -> None:
    edge.tasks.found = None
    error = await refused(ask(edge, ops.GetTaskRequest(id=ID)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "task_not_found")


@pytest.mark.parametrize("status", TaskStatus)
async def test_an_ended_one_and_every_state(edge: Edge, status: TaskStatus) -> None:
    edge.tasks.found = fakes.task_row(status=status, completed_by="ann", closed_at=fakes.NOW)
    task = (await ask(edge, ops.GetTaskRequest(id=ID))).task
    assert ops.HumanTaskState.Name(task.state) == f"HUMAN_TASK_STATE_{status}"
    assert (task.completed_by, task.closed_at.ToDatetime(UTC)) == ("ann", fakes.NOW)


async def test_what_is_not_set_is_not_on_the_wire(edge: Edge) -> None:
    edge.tasks.found = fakes.task_row(form_schema={}, due_at=None, remind_at=None)
    task = (await ask(edge, ops.GetTaskRequest(id=ID))).task
    assert not any(task.HasField(name) for name in ("form_schema", "due_at", "remind_at", "closed_at"))


async def test_a_list_passes_its_filters_and_clamps_the_limit(edge: Edge) -> None:
    due = datetime(2026, 11, 22, tzinfo=UTC)
    request = ops.ListTasksRequest(
        workspace_id="acme",
        assignee="ann",
        group="sales",
        claimed_by="bob",
        state=ops.HUMAN_TASK_STATE_OPEN,
        limit=100_000,
        offset=3,
    )
    request.due_before.FromDatetime(due)
    answer = await ask(edge, request)
    assert edge.tasks.asked == [(TaskFilter("acme", "ann", "sales", "bob", TaskStatus.OPEN, due), 500, 3)]
    assert ([plain(task) for task in answer.tasks], answer.total) == ([TASK], 11)


async def test_a_list_without_filters(edge: Edge) -> None:
    await ask(edge, ops.ListTasksRequest())
    assert edge.tasks.asked == [(TaskFilter(None), 50, 0)]


async def test_of_many_comments_the_newest_are_shown(edge: Edge) -> None:
    comments = tuple(TaskComment("ann", str(number), fakes.NOW) for number in range(MAX_COMMENTS + 1))
    edge.tasks.found = replace(fakes.task_row(), comments=comments)
    shown = (await ask(edge, ops.GetTaskRequest(id=ID))).task.comments
    assert [comment.text for comment in shown] == [str(number) for number in range(1, MAX_COMMENTS + 1)]


async def test_a_list_that_does_not_fit_is_shorter_and_says_so(edge: Edge) -> None:
    row = fakes.task_row()
    edge.tasks.found = replace(row, task=replace(row.task, instructions="x" * MAX_ANSWER_BYTES))
    listing = call(edge, ops.ListTasksRequest())
    assert not (await listing).tasks
    assert dict(await listing.trailing_metadata())["workflows-truncated"] == "rows[0:1]"
