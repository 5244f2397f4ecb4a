"""`workflows tasks`: what people have to do, and doing it."""

from typing import Annotated, Any

import typer

from service.console import options
from service.console.command import command
from service.console.session import Session

app = typer.Typer(help="Work on the tasks that runs have for people.", no_args_is_help=True)

Assignee = Annotated[str | None, typer.Option(help="The person it is for.")]
Group = Annotated[str | None, typer.Option(help="The group it is for.")]


@command(app, "list")
def list_tasks(
    session: Session,
    state: Annotated[str | None, typer.Option(help="open, claimed, completed, rejected or cancelled.")] = None,
    assignee: Assignee = None,
    group: Group = None,
    claimed_by: Annotated[str | None, typer.Option(help="Who has taken it on.")] = None,
    due_before: Annotated[str | None, typer.Option(metavar="TIME", help="Due before a time, or within 2h.")] = None,
    limit: options.Limit = 50,
    offset: options.Offset = 0,
) -> None:
    """List tasks, newest first."""
    from service.console import contract, moments
    from service.console import task_views as views

    found = session.ask(
        "ListTasks",
        workspace_id=session.workspace,
        state=contract.member("ListTasks", "state", state),
        assignee=assignee,
        group=group,
        claimed_by=claimed_by,
        due_before=moments.ahead(due_before),
        limit=limit,
        offset=offset,
    )
    session.answer(found, lambda: views.tasks(found, offset))


@command(app, "show")
def show_task(session: Session, task_id: options.Task) -> None:
    """Show a task with its form and its comments."""
    from service.console import task_views as views

    found = session.ask("GetTask", id=task_id).task
    session.answer(found, lambda: views.task(found))


@command(app, "claim")
def claim(
    session: Session,
    task_id: options.Task,
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Take a task on."""
    _changed(session, "ClaimTask", key, id=task_id, user_id=user, expected_version=seen)


@command(app, "release")
def release(
    session: Session,
    task_id: options.Task,
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Give a task back."""
    _changed(session, "ReleaseTask", key, id=task_id, user_id=user, expected_version=seen)


@command(app, "reassign")
def reassign(
    session: Session,
    task_id: options.Task,
    assignee: Assignee = None,
    group: Group = None,
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Give a task to somebody else."""
    _changed(
        session,
        "ReassignTask",
        key,
        id=task_id,
        assignee=assignee,
        group=group,
        user_id=user,
        expected_version=seen,
    )


@command(app, "comment")
def comment(
    session: Session,
    task_id: options.Task,
    text: Annotated[str, typer.Argument(help="What to say.")],
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Say something about a task."""
    _changed(session, "CommentTask", key, id=task_id, text=text, user_id=user, expected_version=seen)


@command(app, "complete")
def complete(
    session: Session,
    task_id: options.Task,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="What the form asks for: a JSON object, @FILE or -.")
    ] = None,
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Complete a task, and its step."""
    from service.console import values

    said = values.mapping(output, "--output")
    _changed(session, "CompleteTask", key, id=task_id, output=said, user_id=user, expected_version=seen)


@command(app, "reject")
def reject(
    session: Session,
    task_id: options.Task,
    reason: options.Reason = "",
    user: options.User = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Decline a task; its step fails."""
    _changed(session, "RejectTask", key, id=task_id, reason=reason, user_id=user, expected_version=seen)


def _changed(session: Session, rpc: str, key: str | None, **fields: Any) -> None:
    from service.console import task_views as views

    task = session.change(rpc, key, **fields).task
    session.answer(task, lambda: views.changed(task))
