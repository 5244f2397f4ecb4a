"""`workflows events`: what came over the bus, what could not be read of it, and saying our own again."""

from typing import Annotated, Any
from uuid import uuid4

import typer

from service.console import options
from service.console.command import command
from service.console.session import Session

app = typer.Typer(help="Look at events and dead letters, and publish again.", no_args_is_help=True)

Letter = Annotated[int, typer.Argument(metavar="LETTER", min=1, help="The dead letter's number.")]


@command(app, "dead-letters")
def dead_letters(
    session: Session,
    reason: Annotated[str | None, typer.Option(help="Only those put aside for this.")] = None,
    since: options.Since = None,
    limit: options.Limit = 50,
    offset: options.Offset = 0,
) -> None:
    """List messages that could not be read or trusted, newest first."""
    from service.console import event_views as views
    from service.console import moments

    found = session.ask(
        "ListDeadLetters",
        workspace_id=session.workspace,
        reason=reason,
        since=moments.ago(since),
        limit=limit,
        offset=offset,
    )
    session.answer(found, lambda: views.letters(found, offset))


@command(app, "dead-letter")
def dead_letter(session: Session, letter: Letter) -> None:
    """Show a dead letter with its headers and its bytes."""
    from service.console import event_views as views

    found = session.ask("GetDeadLetter", id=letter)
    session.answer(found, lambda: views.letter(found))


@command(app, "replay")
def replay(session: Session, letters: Annotated[list[int], typer.Argument(metavar="LETTER...", min=1)]) -> None:
    """Read dead letters once more, and treat what they say like messages that have just come."""
    from service.console import event_views as views

    found = [session.change("ReplayDeadLetter", id=letter).letter for letter in letters]
    views.replayed(found, session.settings.json)


@command(app, "discard")
def discard(
    session: Session,
    letters: Annotated[list[int], typer.Argument(metavar="LETTER...", min=1)],
    yes: options.Yes = False,
) -> None:
    """Forget dead letters for good."""
    from service.console import asking, json_answers, show

    asking.sure(f"discard {len(letters)} dead letter{'s' if len(letters) > 1 else ''} for good", yes)
    for letter in letters:
        session.change("DiscardDeadLetter", id=letter)
        if not session.settings.json:
            show.line(f"{letter} discarded")
    if session.settings.json:
        json_answers.document({"discarded": letters})


@command(app, "list")
def list_events(
    session: Session,
    type_prefix: Annotated[str | None, typer.Option("--type", help="What the type begins with.")] = None,
    state: Annotated[str | None, typer.Option(help="buffered, routed or faded.")] = None,
    since: options.Since = None,
    limit: options.Limit = 50,
    offset: options.Offset = 0,
) -> None:
    """List the events that were heard, newest first."""
    from service.console import contract, moments
    from service.console import event_views as views

    found = session.ask(
        "ListEvents",
        workspace_id=session.workspace,
        type_prefix=type_prefix,
        state=contract.member("ListEvents", "state", state),
        since=moments.ago(since),
        limit=limit,
        offset=offset,
    )
    session.answer(found, lambda: views.events(found, offset))


@command(app, "show")
def show_event(
    session: Session,
    source: Annotated[str, typer.Argument(help="The event's source.")],
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The event's id.")],
) -> None:
    """Show an event with its payload."""
    from service.console import event_views as views

    found = session.ask("GetEvent", workspace_id=session.workspace, source=source, id=event_id)
    session.answer(found, lambda: views.event(found))


@command(app, "trigger")
def trigger(
    session: Session,
    event_type: Annotated[str | None, typer.Option("--type", help="The event's type; needed of --as event.")] = None,
    kind: Annotated[str, typer.Option("--as", help="event, webhook or schedule.")] = "event",
    event_id: Annotated[str | None, typer.Option("--id", help="The event's id; otherwise a fresh random one.")] = None,
    subject: Annotated[str | None, typer.Option(help="The event's subject.")] = None,
    payload: Annotated[
        str | None, typer.Option("--input", "-i", help="A JSON object, @FILE (JSON or YAML), or - for stdin.")
    ] = None,
    provider: Annotated[str | None, typer.Option("--tap-provider", help="Of a webhook: who sent it.")] = None,
    tap_type: Annotated[str | None, typer.Option("--tap-entity-type", help="Of a webhook: of what.")] = None,
    action: Annotated[str | None, typer.Option("--tap-action", help="Of a webhook: what happened to it.")] = None,
    cron: Annotated[str | None, typer.Option(help="Of a schedule: its expression.")] = None,
    entity: Annotated[str | None, typer.Option(help="The id of what the runs are about.")] = None,
    entity_type: Annotated[str | None, typer.Option(help="And its type.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent that hands it in.")] = None,
    user: Annotated[str | None, typer.Option(help="The person that hands it in.")] = None,
    key: options.Key = None,
) -> None:
    """Hand in an event as if it had come over the bus: it starts what it triggers and moves what waits for it."""
    from service.console import contract, values
    from service.console import event_views as views

    trigger_type = contract.member("HandleTrigger", "trigger_type", kind)
    found = session.change(
        "HandleTrigger",
        key,
        workspace_id=session.workspace,
        trigger_type=trigger_type,
        trigger_event_id=event_id or f"cli:{key or uuid4()}",
        event_type=event_type,
        event_subject=subject,
        tap_provider=provider,
        tap_entity_type=tap_type,
        tap_action=action,
        cron_expr=cron,
        initiator_agent_id=agent,
        initiator_user_id=user,
        entity_id=entity,
        entity_type=entity_type,
        input_payload=values.mapping(payload, "--input"),
    )
    session.answer(found, lambda: views.triggered(found))


@command(app, "republish")
def republish(
    session: Session,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: a time, or 2h for two hours ago.")
    ],
    definition: options.OfDefinition = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Only of this run.")] = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Publish again what was published since a moment, under the same ids and in order."""
    from service.console import asking, moments, show

    chosen: dict[str, Any] = {
        "since": moments.ago(since),
        "workspace_id": session.workspace,
        "definition_id": session.definition_id(definition),
        "run_id": run_id,
    }
    found = session.ask("Republish", **chosen, dry_run=True)
    if not dry_run:
        asking.sure(f"publish {found.count} events again", yes)
        found = session.change("Republish", **chosen)
    verb = "would be" if dry_run else "are"
    session.answer(found, lambda: show.line(f"{found.count} events {verb} published again"))
