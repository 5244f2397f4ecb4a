"""People's tasks as the edge shows them, read under the role that sees one workspace only.

A task is written by the apply that moves its run; here it is only read, together with what was said about it. What is
foreign does not exist, as in `reads`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service.domain.paging import Page
from service.domain.task_list import TaskComment, TaskFilter, TaskRow
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import page_of, task_of
from service.store.pool import Pool, Row
from service.store.queries import query


class TaskReads:
    """Constructed with a pool of the reader's role. Every method is one trip; raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def task(self, run_id: str, step_id: str, visible: str | None) -> TaskRow | None:
        """None when the workspace has no such task; `visible` None is every workspace."""
        rows = await self._pool.read_as(visible or EVERY_WORKSPACE, query("task_get"), (run_id, step_id))
        return _task_row(rows[0]) if rows else None

    async def tasks(self, chosen: TaskFilter, limit: int, offset: int) -> Page[TaskRow]:
        """Those opened last first."""
        workspace = chosen.workspace_id or EVERY_WORKSPACE
        status = chosen.status.value if chosen.status else ""
        people = (chosen.assignee, chosen.group, chosen.claimed_by)
        params = (workspace, *people, status, chosen.due_before, limit, offset)
        rows = await self._pool.read_as(workspace, query("tasks_list"), params)
        return page_of(rows, _task_row)


def _task_row(row: Row) -> TaskRow:
    run_id, workspace_id, definition_id, task, comments = row
    return TaskRow(run_id, workspace_id, definition_id, task_of(task), _comments(comments))


def _comments(rows: Sequence[Mapping[str, Any]] | None) -> tuple[TaskComment, ...]:
    return tuple(TaskComment(row["author"], row["text"], datetime.fromisoformat(row["at"])) for row in rows or ())
