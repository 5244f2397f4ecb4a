"""How definitions, versions and what became of files look."""

from typing import Any

from service.console import json_answers, moments, pipeline_text, show
from service.console.apply import Plan
from service.console.show import Column

_DONE = {
    "create": "created, version {} published",
    "publish": "version {} published",
    "set schemas": "schemas of version {} set",
    "describe": "described anew",
    "unchanged": "unchanged",
}
_OUTCOMES = {
    "create": "created",
    "publish": "published",
    "set schemas": "schemas set",
    "describe": "described",
    "unchanged": "unchanged",
}
_WOULD = {
    "create": "would be created and published",
    "publish": "version {} would be published",
    "set schemas": "schemas of version {} would be set",
    "describe": "would be described anew",
    "unchanged": "unchanged",
}


def definitions(found: Any, offset: int) -> None:
    show.table(
        (
            Column("name", lambda each: each.name),
            Column("id", lambda each: each.id, keep=True),
            Column("version", lambda each: str(each.latest_version or "none"), right=True),
            Column("updated", lambda each: show.age(each, "updated_at")),
            Column("workspace", lambda each: each.workspace_id),
            Column("tags", lambda each: ", ".join(each.tags)),
        ),
        found.definitions,
        "no definitions",
    )
    show.more(len(found.definitions), offset, found.total)


def definition(found: Any, version: Any) -> None:
    show.page(
        (
            ("name", found.name),
            ("id", found.id),
            ("workspace", found.workspace_id),
            ("description", found.description),
            ("tags", ", ".join(found.tags)),
            ("created", show.when(found, "created_at")),
            ("updated", show.when(found, "updated_at")),
            ("version", _of_latest(found, version)),
            ("published", _published(version) if version else ""),
            ("trigger", _trigger(version) if version else ""),
            ("timeout", moments.duration(version.timeout_seconds) if version and version.timeout_seconds else ""),
        )
    )
    if version is not None:
        _graph(version)


def versions(found: Any) -> None:
    show.table(
        (
            Column("version", lambda each: str(each.version), right=True),
            Column("id", lambda each: each.id, keep=True),
            Column("steps", lambda each: str(len(each.steps)), right=True),
            Column("edges", lambda each: str(len(each.edges)), right=True),
            Column("trigger", lambda each: show.word(each.trigger, "trigger_type").lower()),
            Column("author", lambda each: each.author),
            Column("published", lambda each: show.when(each, "created_at")),
        ),
        found.versions,
        "no versions",
    )


def as_file(found: Any, version: Any, schemas: Any) -> str:
    about = {
        "workspace": found.workspace_id,
        "name": found.name,
        "description": found.description,
        "tags": list(found.tags),
    }
    if version is None:
        return pipeline_text.written(pipeline_text.NOTHING, about, {})
    return pipeline_text.written(version, about, pipeline_text.schemas_of(schemas))


def schemas(found: Any) -> None:
    show.page(
        (
            ("version", str(found.version)),
            ("revision", str(found.revision)),
            ("set", " ".join(filter(None, (show.when(found, "set_at"), found.set_by and f"by {found.set_by}")))),
            ("input", show.payload(found, "input_schema") if found.input_schema.fields else "anything"),
            ("output", show.payload(found, "output_schema") if found.output_schema.fields else "anything"),
        )
    )


def applied(plan: Plan, what: str, difference: str, dry_run: bool) -> dict[str, Any]:
    """For scripts."""
    return {
        "file": plan.wanted.document.place(()),
        "name": plan.wanted.title,
        "definition_id": plan.definition.id if plan.definition is not None else "",
        "outcome": what if dry_run else _OUTCOMES[what],
        "version": _number(plan, what, dry_run),
        "difference": difference,
        "notes": _notes(plan, dry_run),
    }


def tell_applied(plan: Plan, what: str, told: dict[str, Any], dry_run: bool) -> None:
    if what in ("publish", "set schemas"):
        show.difference(told["difference"])
    for note in told["notes"]:
        show.say(f"workflows: {note}")
    words = (_WOULD if dry_run else _DONE)[what]
    show.line(f"{told['name']}: {words.format(told['version'])}")


def _number(plan: Plan, what: str, dry_run: bool) -> int:
    latest = plan.latest.version if plan.latest is not None else 0
    return int(latest + 1 if dry_run and what in ("create", "publish") else latest)


def _notes(plan: Plan, dry_run: bool) -> list[str]:
    """Warnings, what it means for runs, and what changes of the definition itself."""
    warnings = [plan.told(each) for each in plan.findings if each not in plan.faults]
    verb = "would set" if dry_run else "sets"
    about = (f"{plan.wanted.document.place((name,))}: {verb} the definition's {name}" for name in plan.about)
    return [*warnings, *plan.consequences, *about]


def _of_latest(found: Any, version: Any) -> str:
    if version is None:
        return str(found.latest_version or "none is published")
    latest = "" if version.version == found.latest_version else f", the latest is {found.latest_version}"
    return f"{version.version}{latest}"


def _trigger(version: Any) -> str:
    return json_answers.compact(pipeline_text.plain(version.trigger)) if version.HasField("trigger") else ""


def _published(version: Any) -> str:
    by = f" by {version.author}" if version.author else ""
    return show.when(version, "created_at") + by


def _graph(version: Any) -> None:
    show.heading("Steps")
    show.table(
        (
            Column("id", lambda each: each.id, keep=True),
            Column("type", lambda each: show.word(each, "step_type").lower()),
            Column("name", lambda each: each.name),
            Column("timeout", lambda each: moments.duration(each.timeout_seconds) if each.timeout_seconds else ""),
            Column("undone by", lambda each: each.compensation_step_id),
        ),
        version.steps,
        "no steps",
    )
    show.heading("Edges")
    show.table(
        (
            Column("from", lambda each: each.from_step_id, keep=True),
            Column("to", lambda each: each.to_step_id, keep=True),
            Column("label", lambda each: each.label),
            Column("when", lambda each: each.condition_expr),
        ),
        version.edges,
        "no edges",
    )
