"""`workflows runs pause` and its like: what changes a run, by hand."""

from typing import Annotated, Any

import typer

from service.console import completion, options, run_search
from service.console.command import command
from service.console.exits import USAGE, Failed
from service.console.run_search import Many
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
        ("transition", transition),
    ):
        command(app, name)(body)


Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="WORD=VALUE", help=f"Many runs instead of one. {run_search.HELP}"),
]
AtMost = Annotated[int, typer.Option("--at-most", min=0, help="With --where: refuse when more match; 0: no bound.")]
OneRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="The run's id.", autocompletion=completion.runs, show_default=False),
]


def pause(
    session: Session,
    run_id: OneRun = None,
    where: Where = None,
    reason: options.Reason = "",
    at_most: AtMost = 0,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    key: options.Key = None,
) -> None:
    """Start no new steps of a run, or of many; what is in flight finishes."""
    how = Many("PAUSE", where, reason, at_most, dry_run, yes, key)
    _one_or_many(session, run_id, how, "PauseRun", reason=reason)


def resume(
    session: Session,
    run_id: OneRun = None,
    where: Where = None,
    at_most: AtMost = 0,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    key: options.Key = None,
) -> None:
    """Let a paused run go on, or many."""
    _one_or_many(session, run_id, Many("RESUME", where, "", at_most, dry_run, yes, key), "ResumeRun")


def cancel(
    session: Session,
    run_id: OneRun = None,
    where: Where = None,
    reason: options.Reason = "",
    at_most: AtMost = 0,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    key: options.Key = None,
) -> None:
    """End a run, or many, and everything they have in flight. Undoes nothing."""
    how = Many("CANCEL", where, reason, at_most, dry_run, yes, key)
    _one_or_many(session, run_id, how, "CancelRun", reason=reason)


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


def transition(
    session: Session,
    run_id: options.Run,
    step_id: options.Step,
    to: Annotated[str, typer.Option("--to", metavar="STATE", help="What it has become: completed, failed, ...")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="What came of it: a JSON object, @FILE or -.")
    ] = None,
    error: Annotated[str | None, typer.Option(help="Why it failed.")] = None,
    cost: Annotated[float | None, typer.Option(help="US dollars that the attempt has cost.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent that reports.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="The objective that it was; says which attempt is meant.")
    ] = None,
    delegation: Annotated[str | None, typer.Option(help="The delegation that it was.")] = None,
    approval: Annotated[str | None, typer.Option(help="The approval request that was decided.")] = None,
    decision: Annotated[str | None, typer.Option(help="What governance decided.")] = None,
    event: Annotated[str | None, typer.Option(help="The event that was waited for.")] = None,
    notification: Annotated[str | None, typer.Option(help="The notification that was sent.")] = None,
    key: options.Key = None,
) -> None:
    """Report what a step has become, in place of whoever should have."""
    from service.console import contract, values
    from service.console import run_views as views

    found = session.change(
        "TransitionStep",
        key,
        run_id=run_id,
        step_id=step_id,
        state=contract.member("TransitionStep", "state", to),
        output_payload=values.mapping(output, "--output"),
        error_message=error,
        cost_usd=cost,
        agent_id=agent,
        objective_id=objective,
        delegation_id=delegation,
        approval_request_id=approval,
        governance_decision=decision,
        event_id=event,
        notification_id=notification,
    )
    session.answer(found, lambda: views.reported(found))


def _one_or_many(session: Session, run_id: str | None, how: Many, rpc: str, **fields: Any) -> None:
    if (run_id is None) == (not how.where) or (run_id is not None and how.dry_run):
        raise Failed("name a RUN, or choose several with --where (which can be tried with --dry-run)", USAGE)
    if run_id is not None:
        _changed(session, rpc, how.key, id=run_id, **fields)
        return
    from service.console import bulk

    bulk.control(session, how)


def _changed(session: Session, rpc: str, key: str | None, **fields: Any) -> None:
    from service.console import run_views as views

    run = session.change(rpc, key, **fields).run
    session.answer(run, lambda: views.controlled(run))
