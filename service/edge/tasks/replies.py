"""People's tasks as the wire's messages. It trusts the domain and cannot fail. Called by the servicer."""

from workflows.ops.v1 import tasks_pb2 as ops

from service.domain.ids import task_id
from service.domain.paging import Page
from service.domain.task_list import TaskComment, TaskRow
from service.edge.wire import enums, payloads
from service.edge.wire.answers import Answer, listed
from service.edge.wire.moments import moment

MAX_COMMENTS = 100  # of 2,000 characters, so that every task fits into a message


def changed(row: TaskRow) -> bytes:
    """Every change answers as GetTask does: `task` is field 1."""
    return ops.GetTaskResponse(task=task(row)).SerializeToString()


def tasks(page: Page[TaskRow]) -> Answer:
    return listed((task(row).SerializeToString() for row in page.rows), len(page.rows), page.total)


def task(row: TaskRow) -> ops.HumanTask:
    """With the newest hundred comments; all of them are in the run's conversation."""
    value = row.task
    message = ops.HumanTask(
        id=task_id(row.run_id, value.step_id),
        run_id=row.run_id,
        step_id=value.step_id,
        attempt=value.attempt,
        definition_id=row.definition_id,
        workspace_id=row.workspace_id,
        state=enums.TASK_STATUS[value.status],
        title=value.title,
        instructions=value.instructions,
        assignee=value.assignee,
        group=value.group,
        due_at=moment(value.due_at),
        remind_at=moment(value.remind_at),
        claimed_by=value.claimed_by,
        completed_by=value.completed_by,
        version=value.version,
        opened_at=moment(value.opened_at),
        closed_at=moment(value.closed_at),
        comments=map(_comment, row.comments[-MAX_COMMENTS:]),
    )
    if value.form_schema:
        message.form_schema.ParseFromString(payloads.write(value.form_schema))
    return message


def _comment(value: TaskComment) -> ops.TaskComment:
    return ops.TaskComment(author=value.author, text=value.text, at=moment(value.at))
