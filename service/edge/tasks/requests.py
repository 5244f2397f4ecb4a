"""Requests about people's tasks: proto to domain values, with every bad-input check.

A task has no row of its own to be addressed by: its id is the run's and the step's, and a change of it is a command to
that run. Like `workflows.requests`, each function reports all that is wrong at once; whether the task exists, who may
take it and which version it has is for the rules. Called by the servicer of tasks.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from workflows.ops.v1 import tasks_pb2 as ops

from service.domain.commands import (
    ClaimTask,
    CommentTask,
    CompleteTask,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    TaskCommand,
)
from service.domain.ids import task_of
from service.domain.task_list import TaskFilter
from service.edge.gate.caller import OPEN, Caller
from service.edge.wire import enums
from service.edge.wire.checks import Checks, Window

Change: TypeAlias = (
    ops.ClaimTaskRequest
    | ops.ReleaseTaskRequest
    | ops.ReassignTaskRequest
    | ops.CommentTaskRequest
    | ops.CompleteTaskRequest
    | ops.RejectTaskRequest
)

_FILTER_IDS = ("assignee", "group", "claimed_by")


@dataclass(frozen=True, slots=True)
class TaskId:
    run_id: str
    step_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """A command to a task of a run, and who gives it."""

    run_id: str
    actor: str
    command: TaskCommand


def task_list(request: ops.ListTasksRequest, caller: Caller) -> tuple[TaskFilter, Window]:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    for field in _FILTER_IDS:
        checks.id(field, getattr(request, field))
    chosen = TaskFilter(
        workspace_id=workspace_id or None,
        assignee=request.assignee,
        group=request.group,
        claimed_by=request.claimed_by,
        status=checks.member("state", request.state, enums.TASK_STATUS_OF),
        due_before=checks.moment("due_before", request.due_before) if request.HasField("due_before") else None,
    )
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return chosen, window


def task_id(request: ops.GetTaskRequest) -> TaskId:
    checks = Checks.of(request)
    found = _task_id(checks, request.id)
    checks.settle()
    return found


def order(request: Change, caller: Caller) -> Order:
    """In open mode, where the caller is nobody, the person who is named is the actor."""
    user_id = caller.acts_as(request.user_id)
    checks = Checks.of(request)
    task = _task_id(checks, request.id)
    version = checks.not_negative("expected_version", request.expected_version)
    checks.id("user_id", user_id)
    command = _command(checks, request, task.step_id, version, user_id or caller.actor)
    checks.settle()
    return Order(task.run_id, f"user:{user_id}" if caller is OPEN and user_id else caller.actor, command)


def _command(checks: Checks, request: Change, step_id: str, version: int, user_id: str) -> TaskCommand:
    match request:
        case ops.ClaimTaskRequest():
            return ClaimTask(step_id, version, user_id)
        case ops.ReleaseTaskRequest():
            return ReleaseTask(step_id, version, user_id)
        case ops.ReassignTaskRequest():
            return ReassignTask(step_id, version, user_id, *_receiver(checks, request))
        case ops.CommentTaskRequest():
            return CommentTask(step_id, version, user_id, checks.text("text", request.text, required=True))
        case ops.CompleteTaskRequest():
            return CompleteTask(step_id, version, user_id, checks.payload("output", request.output))
        case ops.RejectTaskRequest():
            return RejectTask(step_id, version, user_id, checks.text("reason", request.reason))
        case _:
            assert_never(request)


def _receiver(checks: Checks, request: ops.ReassignTaskRequest) -> tuple[str, str]:
    if not request.assignee and not request.group:
        checks.note("assignee", "required", "is required where no group is given")
    return checks.id("assignee", request.assignee), checks.id("group", request.group)


def _task_id(checks: Checks, value: str) -> TaskId:
    run_id, step_id = task_of(value)
    if not value.strip():
        checks.note("id", "required", "is required")
    elif not run_id.strip() or not step_id.strip() or "/" in step_id:
        checks.note("id", "malformed", "has to be <run_id>/<step_id>")
    else:
        checks.id("id", run_id)
        checks.id("id", step_id)
    return TaskId(run_id, step_id)
