"""`workflows definitions`: from files to versions, and looking at what is published."""

from pathlib import Path
from typing import Annotated, Any

import typer

from service.console import options
from service.console.command import command
from service.console.exits import FAILED, NOT_CURRENT, NOT_FOUND, USAGE, Failed
from service.console.session import Session

app = typer.Typer(help="Publish definitions from files and look at them.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Option("--file", "-f", help="YAML or JSON, of one or more documents; - is stdin.", metavar="FILE")
]
Version = Annotated[int, typer.Option("--version", min=0, help="This version; 0: the latest.")]


@command(app, "apply")
def apply(session: Session, files: Files, key: options.Key = None, dry_run: options.DryRun = False) -> None:
    """Create and publish what the files say. What is published already stays as it is."""
    from service.console import apply as work
    from service.console import definition_views as views
    from service.console import json_answers
    from service.console.pipeline_file import read_all

    plans = [work.planned(session, wanted) for wanted in read_all(files)]
    work.check(plans)
    told: list[dict[str, Any]] = []
    try:
        for at, plan in enumerate(plans):
            what, difference = plan.what, plan.difference
            if not dry_run:
                work.carried_out(session, plan, f"{key}/{at}" if key else None)
            told.append(views.applied(plan, what, difference, dry_run))
            if not session.settings.json:
                views.tell_applied(plan, what, told[-1], dry_run)
    finally:  # what was done before a failure is told, too
        if session.settings.json:
            json_answers.document({"applied": told, "dry_run": dry_run})


@command(app, "validate")
def validate(session: Session, files: Files) -> None:
    """Say everything that publishing the files would be refused or warned for. Changes nothing."""
    from service.console import apply as work
    from service.console import json_answers, show
    from service.console.pipeline_file import read_all

    plans = [work.Plan(wanted, "", findings=work.findings(session, wanted, "")) for wanted in read_all(files)]
    valid = not any(plan.faults for plan in plans)
    if session.settings.json:
        found = [plan.placed(each) for plan in plans for each in plan.findings]
        json_answers.document({"valid": valid, "findings": found})
    for plan in plans if not session.settings.json else []:
        for each in plan.findings:
            show.line(plan.told(each))
        show.line(f"{plan.wanted.title}: {'cannot be published' if plan.faults else 'valid'}")
    if not valid:
        raise typer.Exit(FAILED)


@command(app, "list")
def list_definitions(
    session: Session,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    limit: options.Limit = 50,
    offset: options.Offset = 0,
) -> None:
    """List definitions, newest first."""
    from service.console import definition_views as views

    found = session.ask("ListDefinitions", workspace_id=session.workspace, tag=tag, limit=limit, offset=offset)
    session.answer(found, lambda: views.definitions(found, offset))


@command(app, "show")
def show_definition(
    session: Session,
    definition: options.Definition,
    version: Version = 0,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As a file that `apply` takes.")] = False,
) -> None:
    """Show a definition with the steps and edges of one version."""
    from service.console import definition_views as views
    from service.console import json_answers, show

    found = session.definition(definition)
    graph = _version(session, found, version) if found.latest_version else None
    if as_yaml:
        schemas = graph and session.ask("GetSchemas", definition_id=found.id, version=graph.version).schemas
        show.raw(views.as_file(found, graph, schemas))
    elif session.settings.json:
        json_answers.document(
            {"definition": json_answers.as_json(found), "version": graph and json_answers.as_json(graph)}
        )
    else:
        views.definition(found, graph)


@command(app, "versions")
def versions(session: Session, definition: options.Definition) -> None:
    """List the versions of a definition, newest first."""
    from service.console import definition_views as views

    found = session.ask("ListVersions", definition_id=session.definition_id(definition))
    session.answer(found, lambda: views.versions(found))


@command(app, "diff")
def diff(
    session: Session,
    definition: options.Definition,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Compare with this file; - is stdin.")
    ] = None,
    before: Annotated[int, typer.Option("--from", min=0, help="This version; 0: see below.")] = 0,
    after: Annotated[int, typer.Option("--to", min=0, help="And this one; 0: the latest.")] = 0,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit code 3 when they differ.")] = False,
) -> None:
    """Say what differs between two versions, or a version and a file, and what that means for open runs.

    Without --from it is the version before the other one; with a file, the latest.
    """
    from service.console import differences

    found = differences.asked(session, session.definition(definition), before, after, file)
    session.answer(found, lambda: differences.told(found))
    if exit_code and (found.steps or found.edges or found.version):
        raise typer.Exit(NOT_CURRENT)


@command(app, "graph")
def graph(
    session: Session,
    definition: options.Definition,
    version: Version = 0,
    form: options.Format = options.GraphFormat.MERMAID,
    output: options.Output = None,
) -> None:
    """Draw the graph of a version."""
    from service.console import values

    found = session.ask(
        "GetGraph",
        definition_id=session.definition_id(definition),
        version=version,
        format=f"RUN_GRAPH_FORMAT_{form.name}",
    )
    session.answer(found, lambda: values.write(found.text, output))


@command(app, "schemas")
def schemas(
    session: Session,
    definition: options.Definition,
    version: Version = 0,
    revision: Annotated[int, typer.Option(min=0, help="As they were then; 0: as they are.")] = 0,
    new_input: Annotated[
        str | None, typer.Option("--input", help="Set the input's: JSON, @FILE or -; {} takes it away.")
    ] = None,
    new_output: Annotated[str | None, typer.Option("--output", help="Set the output's, in the same way.")] = None,
    key: options.Key = None,
) -> None:
    """Show the JSON Schemas that the runs of a version are checked by, or set them."""
    from service.console import definition_views as views
    from service.console import pipeline_text, values

    which: dict[str, Any] = {"definition_id": session.definition_id(definition), "version": version}
    found = session.ask("GetSchemas", **which, revision=revision)
    said = {
        "input_schema": values.mapping(new_input, "--input"),
        "output_schema": values.mapping(new_output, "--output"),
    }
    wanted = {name: value for name, value in said.items() if value is not None}
    if wanted:
        found = session.change("SetSchemas", key, **which, **{**pipeline_text.schemas_of(found.schemas), **wanted})
    session.answer(found.schemas, lambda: views.schemas(found.schemas))


@command(app, "enable")
def enable(session: Session, definition: options.Definition, key: options.Key = None) -> None:
    """Let runs of a definition start again."""
    _set_enabled(session, definition, key, True)


@command(app, "disable")
def disable(session: Session, definition: options.Definition, key: options.Key = None) -> None:
    """Start no more runs of a definition, by no trigger and no call."""
    _set_enabled(session, definition, key, False)


@command(app, "describe")
def describe(
    session: Session,
    definition: options.Definition,
    description: Annotated[str | None, typer.Option(help="The new description; an empty one is none.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="One of the new tags; may be repeated.")] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Take all tags away.")] = False,
    key: options.Key = None,
) -> None:
    """Set the description or the tags of a definition, or both."""
    from service.console import definition_views as views

    if no_tags and tag:
        raise Failed("--tag and --no-tags exclude each other", USAGE)
    if description is None and not (tag or no_tags):
        raise Failed("say --description, --tag or --no-tags", USAGE)
    found = session.change(
        "DescribeDefinition",
        key,
        definition_id=session.definition_id(definition),
        description=description,
        tags={"tags": tag or []} if tag or no_tags else None,
    ).definition
    session.answer(found, lambda: views.definition(found, None))


@command(app, "limit")
def limit(
    session: Session,
    definition: options.Definition,
    seconds: Annotated[str, typer.Argument(metavar="DURATION", help="As 90, 15m or 7d; 0: no bound.")],
    key: options.Key = None,
) -> None:
    """Bound how long the runs that start from now on may take."""
    from service.console import moments, show

    changed = session.change(
        "SetMaxRunDuration", key, definition_id=session.definition_id(definition), seconds=moments.seconds(seconds)
    )
    bound = f"at most {moments.duration(changed.seconds)}" if changed.seconds else "no bound"
    session.answer(changed, lambda: show.line(f"{definition}: {bound}"))


def _set_enabled(session: Session, definition: str, key: str | None, enabled: bool) -> None:
    from service.console import show

    changed = session.change("SetEnabled", key, definition_id=session.definition_id(definition), enabled=enabled)
    stands = "enabled" if changed.enabled else "disabled, no run starts"
    session.answer(changed, lambda: show.line(f"{definition}: {stands}"))


def _version(session: Session, definition: Any, number: int) -> Any:
    wanted = number or definition.latest_version
    for each in session.ask("ListVersions", definition_id=definition.id).versions:
        if each.version == wanted:
            return each
    raise Failed(f"{definition.name} has no version {wanted}", NOT_FOUND)
