"""What people do with an open task: claim, release, reassign, comment, complete, reject.

Every command names the version of the task its sender saw; a task that has changed since refuses it, so two people
cannot both win. Only the person who claimed a task ends it, and one that is assigned to a person only that person may
claim. A comment changes no version: it never gets in anybody's way.
"""

from typing import Any, assert_never

from service.domain import outcome
from service.domain.commands import (
    ClaimTask,
    CommentTask,
    CompleteTask,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    TaskCommand,
)
from service.domain.errors import Kind, Refusal, conflict, not_found
from service.domain.ids import task_id
from service.domain.state import Task, TaskStatus, changed
from service.domain.steps.human_task import check_form
from service.domain.turn import Turn


def act(turn: Turn, command: TaskCommand) -> None:
    """Raises Refusal."""
    task = turn.run.tasks.get(command.step_id)
    if task is None:
        raise not_found("task", task_id(turn.run.id, command.step_id))
    if task.status in (TaskStatus.OPEN, TaskStatus.CLAIMED):
        _check_version(task, command)
        return _on_open(turn, task, command)
    if not _repeats(turn, task, command):
        raise conflict("task_closed", f"the task is already {task.status}")
    return None


def _on_open(turn: Turn, task: Task, command: TaskCommand) -> None:
    match command:
        case ClaimTask():
            _claim(turn, task, command.user_id)
        case ReleaseTask():
            _release(turn, task, command.user_id)
        case ReassignTask():
            given = {"assignee": command.assignee, "group": command.group}
            _change(turn, task, status=TaskStatus.OPEN, claimed_by="", **given)
        case CommentTask():
            turn.say(task.step_id, "comment", _person(command.user_id), command.text)
        case CompleteTask():
            _complete(turn, task, command)
        case RejectTask():
            _reject(turn, task, command)
        case _:
            assert_never(command)


def _claim(turn: Turn, task: Task, user_id: str) -> None:
    if task.claimed_by == user_id:
        return
    _check_holder(task, user_id)
    _change(turn, task, status=TaskStatus.CLAIMED, claimed_by=user_id)


def _release(turn: Turn, task: Task, user_id: str) -> None:
    """One that nobody has claimed is as it should be: its version does not get in anybody's way."""
    if task.claimed_by:
        _check_holder(task, user_id)
        _change(turn, task, status=TaskStatus.OPEN, claimed_by="")


def _complete(turn: Turn, task: Task, command: CompleteTask) -> None:
    _check_holder(task, command.user_id)
    check_form(turn, task.step_id, command.output, "output")
    _keep(turn, task, completed_by=command.user_id, claimed_by=command.user_id)
    turn.say(task.step_id, "answer", _person(command.user_id), "completed", {"output": dict(command.output)})
    outcome.complete(turn, task.step_id, command.output)


def _reject(turn: Turn, task: Task, command: RejectTask) -> None:
    _check_holder(task, command.user_id)
    _keep(turn, task, completed_by=command.user_id, claimed_by=command.user_id)
    turn.say(task.step_id, "answer", _person(command.user_id), command.reason or "rejected")
    outcome.fail_for_good(turn, task.step_id, "task_rejected", command.reason or "the task was rejected")


def _check_version(task: Task, command: TaskCommand) -> None:
    if command.version and command.version != task.version and not isinstance(command, CommentTask):
        raise conflict("task_version", f"the task is at version {task.version}, not {command.version}")


def _check_holder(task: Task, user_id: str) -> None:
    if task.claimed_by and task.claimed_by != user_id:
        raise conflict("task_claimed", "somebody else has claimed the task")
    if task.assignee and task.assignee != user_id and not task.claimed_by:
        raise Refusal(Kind.DENIED, "task_assigned", "the task is assigned to somebody else")


def _repeats(turn: Turn, task: Task, command: TaskCommand) -> bool:
    """Saying again what ended the task is no conflict."""
    step, same_person = turn.step(task.step_id), task.completed_by == getattr(command, "user_id", "")
    match command:
        case CompleteTask():
            return task.status is TaskStatus.COMPLETED and same_person and step.output_payload == command.output
        case RejectTask():
            return task.status is TaskStatus.REJECTED and same_person
        case _:
            return False


def _change(turn: Turn, task: Task, **changes: Any) -> None:
    """Changes the task and tells that something is new about its step."""
    _keep(turn, task, version=task.version + 1, **changes)
    turn.link(task.step_id)


def _keep(turn: Turn, task: Task, **changes: Any) -> None:
    turn.change_run(tasks={**turn.run.tasks, task.step_id: changed(task, **changes)})


def _person(user_id: str) -> str:
    return f"user:{user_id}"
