"""`workflows retention`: how long ended runs are kept, which of them must stay, and purging over gRPC."""

from typing import Annotated, Any

import typer

from service.console import options
from service.console.command import command
from service.console.session import Session
from service.domain.workspaces import EVERY_WORKSPACE

app = typer.Typer(help="Say how long ended runs are kept, and which must stay.", no_args_is_help=True)

Ended = Annotated[str | None, typer.Option("--state", help="completed, failed or cancelled; otherwise all of them.")]
Everyone = Annotated[bool, typer.Option("--everyone", help="Of every workspace.")]


@command(app, "list")
def list_policies(session: Session) -> None:
    """List what holds for a workspace, also where it holds for everyone."""
    from service.console import retention_views as views

    found = session.ask("ListPolicies", workspace_id=session.workspace)
    session.answer(found, lambda: views.policies(found))


@command(app, "set")
def set_policy(
    session: Session,
    keep: Annotated[str, typer.Argument(metavar="DURATION", help="As 90d; 0: for ever.")],
    state: Ended = None,
    everyone: Everyone = False,
    key: options.Key = None,
) -> None:
    """Keep runs that long after their end."""
    from service.console import contract, moments
    from service.console import retention_views as views

    found = session.change(
        "SetPolicy",
        key,
        workspace_id=EVERY_WORKSPACE if everyone else session.workspace,
        state=contract.member("SetPolicy", "state", state),
        keep_seconds=moments.seconds(keep),
    ).policy
    session.answer(found, lambda: views.policy(found))


@command(app, "delete")
def delete_policy(session: Session, state: Ended = None, everyone: Everyone = False, key: options.Key = None) -> None:
    """Take a policy back; the next less specific one counts then."""
    from service.console import contract, show

    found = session.change(
        "DeletePolicy",
        key,
        workspace_id=EVERY_WORKSPACE if everyone else session.workspace,
        state=contract.member("DeletePolicy", "state", state),
    )
    session.answer(found, lambda: show.line("deleted"))


@command(app, "hold")
def hold(
    session: Session,
    run_id: options.Run,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it must stay.")],
    key: options.Key = None,
) -> None:
    """Keep a run and its family from being purged, whoever asks for that."""
    from service.console import retention_views as views

    found = session.change("HoldRun", key, run_id=run_id, reason=reason).hold
    session.answer(found, lambda: views.hold(found))


@command(app, "release")
def release(session: Session, run_id: options.Run, key: options.Key = None) -> None:
    """Let a run that is held be purged again."""
    from service.console import show

    found = session.change("ReleaseRun", key, run_id=run_id)
    session.answer(found, lambda: show.line(f"{run_id} is not held any more"))


@command(app, "holds")
def holds(session: Session, limit: options.Limit = 50, offset: options.Offset = 0) -> None:
    """List the runs that are held, those held last first."""
    from service.console import retention_views as views

    found = session.ask("ListHolds", workspace_id=session.workspace, limit=limit, offset=offset)
    session.answer(found, lambda: views.holds(found, offset))


@command(app, "purges")
def purges(session: Session, limit: options.Limit = 50, offset: options.Offset = 0) -> None:
    """List what was purged, the latest first: when, by whom, how many runs, and what was to go."""
    from service.console import retention_views as views

    found = session.ask("ListPurges", workspace_id=session.workspace, limit=limit, offset=offset)
    session.answer(found, lambda: views.purges(found, offset))


@command(app, "purge")
def purge(
    session: Session,
    older_than: Annotated[str, typer.Option(metavar="DURATION", help="Ended that long ago, as 90d.")],
    state: Annotated[list[str] | None, typer.Option(help="completed, failed or cancelled; may be repeated.")] = None,
    everyone: Everyone = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at most.")] = 1_000,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Remove ended runs with all there is of them, whatever the policies say."""
    from service.console import asking, contract, moments
    from service.console import retention_views as views

    chosen: dict[str, Any] = {
        "workspace_id": EVERY_WORKSPACE if everyone else session.workspace,
        "states": [contract.member("Purge", "states", each) for each in state or ()],
        "older_than_seconds": moments.seconds(older_than),
        "limit": limit,
    }
    found = session.ask("Purge", **chosen, dry_run=True)
    if not dry_run and found.count:
        asking.sure(f"remove {found.count}{' or more' * found.more} runs for good", yes)
        found = session.change("Purge", **chosen)
    session.answer(found, lambda: views.purged(found, dry_run))
