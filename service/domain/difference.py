"""What differs between two versions of a definition, and what that means for runs that go on.

Steps are the same by their ids, edges by their ends; fields are compared down to single values, and a field that says
nothing (empty text, 0) is not there. So what `b` has beyond `a` is what `a` lacks against `b`, and a version does not
differ from itself. Both versions must have passed the publish checks. Pure; called by the edge for DiffVersions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from service.domain.definition import Edge, Json, StepDefinition, StepType, Version
from service.domain.graph import Graph
from service.domain.places import Place, Scopes, of_trigger

Path: TypeAlias = tuple[str, ...]
"""The names on the way to a value: `config`, `input`, `email`."""

Ends: TypeAlias = tuple[str, str]


class DifferenceKind(StrEnum):
    ADDED = "ADDED"
    REMOVED = "REMOVED"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """None is no value. `expression`: what stands there is evaluated when runs go on."""

    path: Path
    before: Json
    after: Json
    expression: bool = False


@dataclass(frozen=True, slots=True)
class StepChange:
    step_id: str
    kind: DifferenceKind
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class EdgeChange:
    ends: Ends
    kind: DifferenceKind
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """`version` is what belongs to no step and no edge: trigger, default retry policy, timeout, schemas."""

    steps: tuple[StepChange, ...]
    edges: tuple[EdgeChange, ...]
    version: tuple[FieldChange, ...]

    @property
    def empty(self) -> bool:
        return not (self.steps or self.edges or self.version)


@dataclass(frozen=True, slots=True)
class OpenRuns:
    """How many runs of a version have not ended, and the steps that they have."""

    version: int
    runs: int
    steps: Mapping[str, StepType]

    def gone(self, after: Version) -> tuple[str, ...]:
        """Their steps that the other version lacks or has as another type: a fork to it cannot keep them."""
        kept = {step.id: step.step_type for step in after.steps}
        return tuple(sorted(step_id for step_id, kind in self.steps.items() if kept.get(step_id) is not kind))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side. `trigger_moves`: what events and the clock start is, or becomes, the second one."""

    before: int
    after: Version
    difference: Difference
    trigger_moves: bool
    open_runs: Sequence[OpenRuns]


def difference(before: Version | None, after: Version) -> Difference:
    """Against None everything is added."""
    return Difference(
        steps=tuple(_steps(before, after)),
        edges=tuple(_edges(before, after)),
        version=tuple(_fields(_of_version(before), _of_version(after), _expressions_of_trigger(before, after))),
    )


# --- what is compared ------------------------------------------------------------------------------------------------


def _steps(before: Version | None, after: Version) -> Iterator[StepChange]:
    old = {step.id: step for step in before.steps} if before else {}
    new = {step.id: step for step in after.steps}
    programs = _expressions_of_steps(before) | _expressions_of_steps(after)
    for step_id in dict.fromkeys((*old, *new)):
        evaluated = frozenset(path for owner, path in programs if owner == step_id)
        fields = tuple(_fields(_of_step(old.get(step_id)), _of_step(new.get(step_id)), evaluated))
        if step_id in old and step_id in new:
            fields += tuple(_choices(before, after, step_id))
        if fields:
            yield StepChange(step_id, _kind(step_id in old, step_id in new), fields)


def _edges(before: Version | None, after: Version) -> Iterator[EdgeChange]:
    old = {_ends(edge): edge for edge in before.edges} if before else {}
    new = {_ends(edge): edge for edge in after.edges}
    for ends in dict.fromkeys((*old, *new)):
        fields = tuple(_fields(_of_edge(old.get(ends)), _of_edge(new.get(ends)), frozenset({("condition_expr",)})))
        kind = _kind(ends in old, ends in new)
        if fields or kind is not DifferenceKind.CHANGED:
            yield EdgeChange(ends, kind, fields)


def _choices(before: Version | None, after: Version, step_id: str) -> Iterator[FieldChange]:
    """A BRANCH takes the first edge that holds, so the order of those it keeps counts."""
    old, new = _targets(before, step_id), _targets(after, step_id)
    kept_old, kept_new = [id for id in old if id in new], [id for id in new if id in old]
    if kept_old != kept_new:
        yield FieldChange(("order_of_edges",), kept_old, kept_new)


def _targets(version: Version | None, step_id: str) -> list[str]:
    steps = version.steps if version else ()
    if version is None or not any(step.id == step_id and step.step_type is StepType.BRANCH for step in steps):
        return []
    return [edge.to_step_id for edge in version.edges if edge.from_step_id == step_id]


def _kind(was: bool, is_: bool) -> DifferenceKind:
    if was and is_:
        return DifferenceKind.CHANGED
    return DifferenceKind.ADDED if is_ else DifferenceKind.REMOVED


def _ends(edge: Edge) -> Ends:
    return edge.from_step_id, edge.to_step_id


def _of_step(step: StepDefinition | None) -> dict[str, Json]:
    fields = _said(step)
    fields.pop("id", None)
    return fields


def _of_edge(edge: Edge | None) -> dict[str, Json]:
    return {name: value for name, value in _said(edge).items() if name in ("condition_expr", "label")}


def _of_version(version: Version | None) -> dict[str, Json]:
    if version is None:
        return {}
    retry = version.default_retry_policy
    return {
        "trigger": _said(version.trigger),
        "default_retry_policy": asdict(retry) if retry else {},
        "timeout_seconds": version.timeout_seconds or None,
        "input_schema": version.schemas.input,
        "output_schema": version.schemas.output,
    }


def _said(value: Any) -> dict[str, Json]:
    """The fields of a dataclass that say something, as JSON."""
    fields = asdict(value) if value else {}
    return {name: str(field) if isinstance(field, StrEnum) else field for name, field in fields.items() if field}


# --- expressions -----------------------------------------------------------------------------------------------------


def _expressions_of_steps(version: Version | None) -> frozenset[tuple[str, Path]]:
    if version is None:
        return frozenset()
    scopes = Scopes(Graph.of(version.steps, version.edges), version.steps)
    return frozenset((step.id, _path(place)) for step in version.steps for place in scopes.of_step(step))


def _expressions_of_trigger(*versions: Version | None) -> frozenset[Path]:
    return frozenset(("trigger", *_path(place)) for version in versions if version for place in of_trigger(version))


def _path(place: Place) -> Path:
    slot = tuple(place.slot.split("."))
    return (*slot, place.key) if place.key else slot


# --- values ----------------------------------------------------------------------------------------------------------


def _fields(before: Json, after: Json, evaluated: frozenset[Path], path: Path = ()) -> Iterator[FieldChange]:
    """Objects are compared key by key, also against nothing; lists as a whole."""
    if not path or (_opens(before) and _opens(after) and (before or after)):
        old, new = before or {}, after or {}
        for key in dict.fromkeys((*old, *new)):
            yield from _fields(old.get(key), new.get(key), evaluated, (*path, key))
    elif not same_json(before, after):
        yield FieldChange(path, before, after, path in evaluated)


def _opens(value: Json) -> bool:
    return value is None or isinstance(value, Mapping)


def same_json(one: Json, other: Json) -> bool:
    """Equal as JSON, where true is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
