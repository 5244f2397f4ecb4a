"""`workflows runs pause` and its like: what changes a run, by hand."""

from typing import Annotated, Any

import typer

from service.console import options
from service.console.command import command
from service.console.session import Session


def add(app: typer.Typer) -> None:
    for name, body in (
        ("pause", pause),
        ("resume", resume),
        ("cancel", cancel),
        ("compensate", compensate),
        ("retry", retry),
        ("skip", skip),
        ("fork", fork),
    ):
        command(app, name)(body)


def pause(session: Session, run_id: options.Run, reason: options.Reason = "", key: options.Key = None) -> None:
    """Start no new steps of a run; what is in flight finishes."""
    _changed(session, "PauseRun", key, id=run_id, reason=reason)


def resume(session: Session, run_id: options.Run, key: options.Key = None) -> None:
    """Let a paused run go on."""
    _changed(session, "ResumeRun", key, id=run_id)


def cancel(session: Session, run_id: options.Run, reason: options.Reason = "", key: options.Key = None) -> None:
    """End a run and everything it has in flight. Undoes nothing."""
    _changed(session, "CancelRun", key, id=run_id, reason=reason)


def compensate(
    session: Session,
    run_id: options.Run,
    reason: options.Reason = "",
    key: options.Key = None,
    dry_run: options.DryRun = False,
) -> None:
    """Undo what a run did, in reverse order."""
    if not dry_run:
        _changed(session, "CompensateRun", key, id=run_id, reason=reason)
        return
    from service.console import run_views as views

    found = session.ask("PreviewCompensation", run_id=run_id)
    session.answer(found, lambda: views.preview(found))


def retry(
    session: Session, run_id: options.Run, step_id: options.Step, reason: options.Reason = "", key: options.Key = None
) -> None:
    """Try a failed step of a failed run again."""
    _changed(session, "RetryStep", key, run_id=run_id, step_id=step_id, reason=reason)


def skip(
    session: Session, run_id: options.Run, step_id: options.Step, reason: options.Reason = "", key: options.Key = None
) -> None:
    """Do without a step that failed or has not started."""
    _changed(session, "SkipStep", key, run_id=run_id, step_id=step_id, reason=reason)


def fork(
    session: Session,
    run_id: options.Run,
    step_id: options.Step,
    version: Annotated[int, typer.Option(min=0, help="A version of the same definition; 0: the run's own.")] = 0,
    reason: options.Reason = "",
    key: options.Key = None,
) -> None:
    """Begin anew from a step on, with what the run did before it. The run itself does not change."""
    _changed(session, "ForkRun", key, run_id=run_id, step_id=step_id, definition_version=version, reason=reason)


def _changed(session: Session, rpc: str, key: str | None, **fields: Any) -> None:
    from service.console import run_views as views

    run = session.change(rpc, key, **fields).run
    session.answer(run, lambda: views.controlled(run))
