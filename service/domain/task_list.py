"""Tasks of people as lists show them: where they belong, and what was said about them.

The rules of a task are in `tasks`; these are values between the store, which reads them, and the edge.
"""

from dataclasses import dataclass
from datetime import datetime

from service.domain.state import Task, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskComment:
    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A person's task with where it belongs and what was said about it, in order."""

    run_id: str
    workspace_id: str
    definition_id: str
    task: Task
    comments: tuple[TaskComment, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Empty text and None match everything; what is given must all match. `due_before` leaves out what is never due."""

    workspace_id: str | None
    assignee: str = ""
    group: str = ""
    claimed_by: str = ""
    status: TaskStatus | None = None
    due_before: datetime | None = None
