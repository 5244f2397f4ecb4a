"""`workflows runs`: starting runs, finding them, asking what they wait for. What changes them is in `run_controls`."""

from typing import Annotated

import typer

from service.console import options, run_controls, run_search
from service.console.command import command
from service.console.session import Session

app = typer.Typer(help="Start, find, explain and steer runs.", no_args_is_help=True)

State = Annotated[str | None, typer.Option("--state", help="Only in this state, such as failed.")]
Payload = Annotated[
    str | None, typer.Option("--input", "-i", help="A JSON object, @FILE (JSON or YAML), or - for stdin.")
]
Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Show what happens until it ends; exit code 7 unless it completes.")
]
AtMost = Annotated[str | None, typer.Option("--at-most", metavar="DURATION", help="With --wait: no longer than this.")]
After = Annotated[int, typer.Option("--after", min=0, help="Only what came after this sequence.")]


@command(app, "start")
def start(
    session: Session,
    definition: options.Definition,
    payload: Payload = None,
    version: Annotated[int, typer.Option(min=0, help="This version; 0: the latest.")] = 0,
    entity: Annotated[str | None, typer.Option(help="The id of what the run is about.")] = None,
    entity_type: Annotated[str | None, typer.Option(help="And its type.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent that starts it.")] = None,
    user: Annotated[str | None, typer.Option(help="The person that starts it.")] = None,
    key: options.Key = None,
    wait: Wait = False,
    at_most: AtMost = None,
) -> None:
    """Start a run."""
    from service.console import run_views as views
    from service.console import values, watching

    limit, given = watching.limit(at_most), values.mapping(payload, "--input")
    run = session.change(
        "StartRun",
        key,
        definition_id=session.definition_id(definition),
        definition_version=version,
        workspace_id=session.workspace,
        initiator_agent_id=agent,
        initiator_user_id=user,
        entity_id=entity,
        entity_type=entity_type,
        input_payload=given,
    ).run
    if wait:
        watching.until_ended(session, run.id, limit)
    else:
        session.answer(run, lambda: views.started(run))


@command(app, "list")
def list_runs(
    session: Session,
    definition: options.OfDefinition = None,
    state: State = None,
    entity: Annotated[str | None, typer.Option(help="Only about this entity.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only those that this agent started.")] = None,
    limit: options.Limit = 50,
    offset: options.Offset = 0,
) -> None:
    """List runs, newest first."""
    from service.console import contract
    from service.console import run_views as views

    found = session.ask(
        "ListRuns",
        workspace_id=session.workspace,
        definition_id=session.definition_id(definition),
        state=contract.member("ListRuns", "state", state),
        entity_id=entity,
        initiator_agent_id=agent,
        limit=limit,
        offset=offset,
    )
    session.answer(found, lambda: views.runs(found, offset, session.names(each.definition_id for each in found.runs)))


@command(app, "search")
def search(
    session: Session,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD=VALUE", help=run_search.HELP)] = None,
    limit: options.Limit = 50,
    page: Annotated[str | None, typer.Option(help="The token of the next page, as the page before it said.")] = None,
) -> None:
    """Find runs by everything that is known of them, newest first."""
    from service.console import run_views as views

    chosen = run_search.filters(session, words or ())
    found = session.ask("SearchRuns", **chosen, page_size=limit, page_token=page)
    session.answer(found, lambda: views.found(found, session.names(each.run.definition_id for each in found.runs)))


@command(app, "show")
def show_run(
    session: Session,
    run_id: options.Run,
    payloads: Annotated[bool, typer.Option("--payloads", "-p", help="With inputs and outputs.")] = False,
) -> None:
    """Show a run and its steps."""
    from service.console import run_views as views

    found = session.ask("GetRun", id=run_id).run
    left_out = session.trailers.get("workflows-truncated", "")
    session.answer(found, lambda: views.run(found, payloads, left_out, session.names([found.definition_id])))


@command(app, "watch")
def watch(session: Session, run_id: options.Run, after: After = 0) -> None:
    """Show what happens to a run as it happens, until it has ended."""
    from service.console import watching

    watching.watch(session, run_id, after)


@command(app, "wait")
def wait(session: Session, run_id: options.Run, at_most: AtMost = None) -> None:
    """Show what happened and happens until the run ends; exit code 7 unless it completes."""
    from service.console import watching

    watching.until_ended(session, run_id, watching.limit(at_most))


@command(app, "explain")
def explain(session: Session, run_id: options.Run) -> None:
    """Say what a run waits for, and what would unblock it."""
    from service.console import run_views as views

    found = session.ask("ExplainRun", run_id=run_id)
    session.answer(found, lambda: views.explanation(found))


@command(app, "events")
def events(
    session: Session,
    run_id: options.Run,
    after: After = 0,
    audits_after: Annotated[int, typer.Option(min=0, help="Only audits that came after this one.")] = 0,
    limit: options.Limit = 500,
) -> None:
    """Show what happened to a run: its changes, and the reports that changed nothing."""
    from service.console import run_views as views

    found = session.ask("ListRunEvents", run_id=run_id, after_sequence=after, after_audit=audits_after, limit=limit)
    session.answer(found, lambda: views.history(found, limit))


@command(app, "graph")
def graph(
    session: Session,
    run_id: options.Run,
    form: options.Format = options.GraphFormat.MERMAID,
    output: options.Output = None,
) -> None:
    """Draw a run on the graph of its version."""
    from service.console import values

    found = session.ask("GetRunGraph", run_id=run_id, format=f"RUN_GRAPH_FORMAT_{form.name}")
    session.answer(found, lambda: values.write(found.text, output))


run_controls.add(app)
