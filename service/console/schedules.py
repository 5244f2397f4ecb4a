"""`workflows schedules`: what starts by the clock."""

from typing import Annotated

import typer

from service.console import options
from service.console.command import command
from service.console.session import Session

app = typer.Typer(help="Look after definitions that start by the clock.", no_args_is_help=True)


@command(app, "list")
def list_schedules(session: Session, limit: options.Limit = 50, offset: options.Offset = 0) -> None:
    """List schedules, those of the newest definitions first."""
    from service.console import schedule_views as views

    found = session.ask("ListSchedules", workspace_id=session.workspace, limit=limit, offset=offset)
    session.answer(found, lambda: views.schedules(found, offset))


@command(app, "show")
def show_schedule(session: Session, definition: options.Definition) -> None:
    """Show a definition's schedule."""
    from service.console import schedule_views as views

    found = session.ask("GetSchedule", definition_id=session.definition_id(definition)).schedule
    session.answer(found, lambda: views.schedule(found))


@command(app, "pause")
def pause(
    session: Session, definition: options.Definition, reason: options.Reason = "", key: options.Key = None
) -> None:
    """Start nothing by the clock until it is resumed."""
    _changed(session, "PauseSchedule", key, definition, reason=reason)


@command(app, "resume")
def resume(session: Session, definition: options.Definition, key: options.Key = None) -> None:
    """Go on with the next tick; what passed meanwhile is not made up for."""
    _changed(session, "ResumeSchedule", key, definition)


@command(app, "policy")
def policy(
    session: Session,
    definition: options.Definition,
    timezone: Annotated[str | None, typer.Option(help="An IANA name, such as Europe/Berlin.")] = None,
    overlap: Annotated[
        str | None, typer.Option(help="While the last run goes on: allow, skip, buffer_one or cancel_other.")
    ] = None,
    catch_up: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Make up for a tick missed by at most this; 0: never.")
    ] = None,
    jitter: Annotated[str | None, typer.Option(metavar="DURATION", help="Put ticks off by up to this.")] = None,
    seen: options.Seen = 0,
    key: options.Key = None,
) -> None:
    """Change the parts of a schedule's policy that are given."""
    from service.console import contract, moments

    _changed(
        session,
        "SetSchedulePolicy",
        key,
        definition,
        timezone=timezone,
        overlap=contract.member("SetSchedulePolicy", "overlap", overlap),
        catch_up_seconds=moments.seconds(catch_up) if catch_up else None,
        jitter_seconds=moments.seconds(jitter) if jitter else None,
        expected_version=seen,
    )


@command(app, "upcoming")
def upcoming(
    session: Session,
    definition: options.Definition,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="How many.")] = 10,
) -> None:
    """Tell the next ticks."""
    from service.console import schedule_views as views

    found = session.ask("ListUpcoming", definition_id=session.definition_id(definition), count=count)
    session.answer(found, lambda: views.upcoming(found))


@command(app, "backfill")
def backfill(
    session: Session,
    definition: options.Definition,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="The first tick, or 2h for two hours ago.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="The last tick.")] = "0s",
    key: options.Key = None,
) -> None:
    """Start runs for ticks of the past that had none."""
    from service.console import moments
    from service.console import schedule_views as views

    ticks = {"from": moments.ago(start), "to": moments.ago(end)}
    found = session.change("Backfill", key, definition_id=session.definition_id(definition), **ticks)
    session.answer(found, lambda: views.backfilled(found))


def _changed(session: Session, rpc: str, key: str | None, definition: str, **fields: object) -> None:
    from service.console import schedule_views as views

    found = session.change(rpc, key, definition_id=session.definition_id(definition), **fields).schedule
    session.answer(found, lambda: views.schedule(found))
