"""What differs between two versions, as the server compares them, and what that means for the runs that go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from service.console import contract, json_answers, pipeline_file, show
from service.console.exits import USAGE, Failed
from service.console.session import Session

_SIGNS = {"ADDED": "+", "REMOVED": "-", "CHANGED": "~"}
_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": "dim"}


def asked(session: Session, definition: Any, before: int, after: int, file: Path | None) -> Any:
    """The answer of DiffVersions. Raises Failed."""
    wanted: dict[str, Any] = {"definition_id": definition.id}
    if file is None:
        latest = after or definition.latest_version
        return session.ask("DiffVersions", **wanted, from_version=before or max(latest - 1, 1), to_version=latest)
    found = pipeline_file.read_all([file])
    if len(found) != 1 or after:
        raise Failed("a version is compared with one document, and with nothing else", USAGE)
    return session.ask("DiffVersions", **wanted, from_version=before, draft=contract.fields(found[0].request))


def told(found: Any) -> None:
    for text in _lines(found):
        show.line(text, _STYLES.get(text[:1], ""))
    for text in consequences(found):
        show.line(text)


def consequences(found: Any) -> Iterator[str]:
    """What it means for runs."""
    for each in found.open_runs:
        gone = f"; a fork could not keep {', '.join(each.steps_gone)}" if each.steps_gone else ""
        runs = "run goes" if each.runs == 1 else "runs go"
        yield f"{each.runs} {runs} on with version {each.version}{gone}"
    if found.trigger_moves and any(each.path.startswith("trigger") for each in found.version):
        yield "what starts runs changes as soon as this is the latest version"


def _lines(found: Any) -> Iterator[str]:
    for field in found.version:
        yield f"~ {_field(field)}"
    for step in found.steps:
        yield f"{_SIGNS[show.word(step, 'kind')]} step {step.step_id}"
        yield from _fields(step)
    for edge in found.edges:
        yield f"{_SIGNS[show.word(edge, 'kind')]} edge {edge.from_step_id} -> {edge.to_step_id}"
        yield from _fields(edge)
    if found.left_out:
        yield f"  and {found.left_out} more"
    if not (found.version or found.steps or found.edges):
        yield "nothing differs"


def _fields(changed: Any) -> Iterator[str]:
    if show.word(changed, "kind") == "CHANGED":
        yield from (f"    {_field(each)}" for each in changed.fields)


def _field(field: Any) -> str:
    before, after = (_value(field, name) for name in ("before", "after"))
    return f"{field.path}: {before} -> {after}"


def _value(field: Any, name: str) -> str:
    if not field.HasField(name):
        return "nothing"
    return json_answers.compact(json_answers.whole(MessageToDict(getattr(field, name))))
