"""Making what is published equal to what files say: plan, look over, apply.

Every document is looked over by the server before any is applied, so a mistake in the last of them leaves the first
unpublished. A version is published only where the graph differs from the latest one. Applying again changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.ops.v1 import definitions_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.console import contract, differences, json_answers, pipeline_text
from service.console.exits import FAILED, NOT_CURRENT, USAGE, Failed
from service.console.pipeline_file import Wanted
from service.console.session import Session


@dataclass
class Plan:
    """One document, beside what is there. `latest` is None where nothing was published; `schemas` are the latest's.
    `about` is what the file says of the definition itself that is not so."""

    wanted: Wanted
    workspace: str
    definition: Any = None
    latest: Any = None
    schemas: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    findings: list[Any] = field(default_factory=list)
    consequences: list[str] = field(default_factory=list)

    @property
    def difference(self) -> str:
        """Also where only the schemas differ, of which a file need not speak."""
        schemas = {**self.schemas, **self.wanted.schemas}
        after, file = pipeline_text.written(self.wanted.request, {}, schemas), self.wanted.document.file
        if self.latest is None:
            return pipeline_text.difference("", after, "nothing", file)
        before = pipeline_text.written(self.latest, {}, self.schemas)
        return pipeline_text.difference(before, after, f"version {self.latest.version}", file)

    @property
    def graph_differs(self) -> bool:
        return self.latest is None or pipeline_text.written(self.latest, {}, {}) != pipeline_text.written(
            self.wanted.request, {}, {}
        )

    @property
    def faults(self) -> list[Any]:
        return [each for each in self.findings if each.severity == ops.FINDING_SEVERITY_ERROR]

    @property
    def what(self) -> str:
        if self.definition is None:
            return "create"
        if self.graph_differs:
            return "publish"
        if self.difference:
            return "set schemas"
        return "describe" if self.about else "unchanged"

    def placed(self, each: Any) -> dict[str, Any]:
        """A finding for programs, with its place in the file."""
        return {**json_answers.as_json(each), "file": self.wanted.place(each.path)}

    def told(self, each: Any) -> str:
        """The same in a line."""
        kind = "error" if each.severity == ops.FINDING_SEVERITY_ERROR else "warning"
        hint = f"; {each.suggestion}" if each.suggestion else ""
        return f"{self.wanted.place(each.path)}: {kind}: {each.path}: {each.message}{hint} ({each.reason})"


def planned(session: Session, wanted: Wanted) -> Plan:
    """Raises Failed."""
    plan = Plan(wanted, _workspace(session, wanted))
    plan.definition = _existing(session, wanted, plan.workspace)
    plan.about = _about(plan)
    if plan.definition is not None and plan.definition.latest_version:
        plan.latest = session.ask("ListVersions", definition_id=plan.definition.id).versions[0]
        found = session.ask("GetSchemas", definition_id=plan.definition.id, version=plan.latest.version)
        plan.schemas = pipeline_text.schemas_of(found.schemas)
    plan.findings = findings(session, wanted, plan.definition.id if plan.definition is not None else "")
    if plan.latest is not None and plan.graph_differs and not plan.faults:
        plan.consequences = _consequences(session, plan)
    return plan


def findings(session: Session, wanted: Wanted, definition_id: str) -> list[Any]:
    """What the server says of the draft."""
    draft = {**contract.fields(wanted.request), "definition_id": definition_id}
    return list(session.ask("ValidateVersion", draft=draft).findings)


def check(plans: Iterable[Plan]) -> None:
    """Raises Failed when some document cannot be published."""
    told = [plan.told(each) for plan in plans for each in plan.faults]
    if told:
        found = [plan.placed(each) for plan in plans for each in plan.faults]
        raise Failed("refused, nothing was changed", FAILED, told, {"reason": "invalid_draft", "findings": found})


def carried_out(session: Session, plan: Plan, key: str | None) -> None:
    """Creates and publishes what the plan says. Raises Failed."""
    what = plan.what
    if what == "create":
        plan.definition = _created(session, plan, key)
    if plan.about:
        _describe(session, plan, key)
    schemas = {**plan.schemas, **plan.wanted.schemas}  # a new version begins with none
    if what in ("create", "publish"):
        _publish(session, plan, key)
    if (what in ("create", "publish") and any(schemas.values())) or what == "set schemas":
        _set_schemas(session, plan, schemas, key)


def _about(plan: Plan) -> dict[str, Any]:
    """Of a file that is silent the definition keeps what it has."""
    if plan.definition is None:
        return {}
    there = {"description": plan.definition.description, "tags": list(plan.definition.tags)}
    said = {"description": plan.wanted.description, "tags": list(plan.wanted.tags)}
    return {name: value for name, value in said.items() if value and value != there[name]}


def _describe(session: Session, plan: Plan, key: str | None) -> None:
    said = {**plan.about, **({"tags": {"tags": plan.about["tags"]}} if "tags" in plan.about else {})}
    answer = session.change("DescribeDefinition", key and f"{key}/describe", definition_id=plan.definition.id, **said)
    plan.definition = answer.definition


def _consequences(session: Session, plan: Plan) -> list[str]:
    draft = contract.fields(plan.wanted.request)
    return list(differences.consequences(session.ask("DiffVersions", definition_id=plan.definition.id, draft=draft)))


def _workspace(session: Session, wanted: Wanted) -> str:
    said = session.settings.workspace
    if wanted.workspace and said and wanted.workspace != said:
        place = wanted.document.place(("workspace",))
        raise Failed(f"{place}: this is for workspace {wanted.workspace}, and --workspace says {said}", USAGE)
    return wanted.workspace or said


def _existing(session: Session, wanted: Wanted, workspace: str) -> Any:
    if wanted.request.definition_id:
        return session.definition(wanted.request.definition_id)
    return session.find_definition(wanted.name, workspace or None)


def _created(session: Session, plan: Plan, key: str | None) -> Any:
    wanted = plan.wanted
    try:
        answer = session.change(
            "CreateDefinition",
            key and f"{key}/create",
            workspace_id=plan.workspace,
            name=wanted.name,
            description=wanted.description,
            tags=list(wanted.tags),
        )
    except Failed as failed:
        if failed.code != NOT_CURRENT:
            raise
        return session.find_definition(wanted.name, plan.workspace or None)  # somebody was faster
    return answer.definition


def _set_schemas(session: Session, plan: Plan, schemas: Mapping[str, Any], key: str | None) -> None:
    said = {"definition_id": plan.definition.id, "version": plan.latest.version, **schemas}
    session.change("SetSchemas", key and f"{key}/schemas", **said)


def _publish(session: Session, plan: Plan, key: str | None) -> None:
    request = {**contract.fields(plan.wanted.request), "definition_id": plan.definition.id}
    answer: pb.PublishVersionResponse = session.change("PublishVersion", key and f"{key}/publish", **request)
    plan.latest, plan.definition = answer.version, answer.definition
