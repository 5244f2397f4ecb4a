"""What operators ask about definitions as the wire's messages. It trusts the domain and cannot fail.

Lists are bounded by what fits into one message, since versions hold long texts that findings and differences repeat,
and findings by how many anybody reads; what was left out is counted. Called by the servicer of definitions.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from workflows.ops.v1 import definitions_pb2 as ops

from service.domain.definition import Json, SchemaRevision, Version
from service.domain.difference import Comparison, EdgeChange, FieldChange, OpenRuns, StepChange
from service.domain.errors import Violation
from service.edge.wire import enums, framing, payloads
from service.edge.wire.answers import MAX_ANSWER_BYTES
from service.edge.wire.moments import moment
from service.edge.workflows.inspector import Findings

MOST_FINDINGS = 1_000
_MAX_TEXT = 2_000
_ENUMS = {"step_type": "STEP_TYPE_", "trigger.trigger_type": "TRIGGER_TYPE_"}

M = TypeVar("M", bound=Message)


class _Room:
    """What is left of one message."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self.left_out = 0

    def fitting(self, entries: Iterable[M], most: int | None = None) -> list[M]:
        """As many as there is room for, in order; the others are counted."""
        kept: list[M] = []
        for entry in entries:
            self._left -= entry.ByteSize() + framing.FRAME
            if self._left < 0 or len(kept) == most:
                self.left_out += 1
            else:
                kept.append(entry)
        return kept


def report(found: Findings, max_bytes: int = MAX_ANSWER_BYTES) -> ops.ValidateVersionResponse:
    room = _Room(max_bytes)
    findings = room.fitting(_findings(found), MOST_FINDINGS)
    return ops.ValidateVersionResponse(valid=not found.problems, findings=findings, left_out=room.left_out)


def _findings(found: Findings) -> Iterator[ops.Finding]:
    for problem in found.problems:
        yield _finding(problem, ops.FINDING_SEVERITY_ERROR)
    for warning in found.warnings:
        yield _finding(warning, ops.FINDING_SEVERITY_WARNING)


def _finding(found: Violation, severity: "ops.FindingSeverity.ValueType") -> ops.Finding:
    return ops.Finding(
        severity=severity,
        path=found.path[:_MAX_TEXT],
        reason=found.reason,
        message=found.message[:_MAX_TEXT],
        offset=found.offset,
        suggestion=found.suggestion[:_MAX_TEXT],
    )


def schemas(found: SchemaRevision) -> ops.VersionSchemas:
    return ops.VersionSchemas(
        version=found.version,
        revision=found.schemas.revision,
        input_schema=Struct.FromString(payloads.write(found.schemas.input)),
        output_schema=Struct.FromString(payloads.write(found.schemas.output)),
        set_by=found.actor,
        set_at=moment(found.set_at),
    )


# --- two versions side by side ---------------------------------------------------------------------------------------


def comparison(found: Comparison, max_bytes: int = MAX_ANSWER_BYTES) -> ops.DiffVersionsResponse:
    """The runs come first: there are few."""
    room, differing = _Room(max_bytes), found.difference
    open_runs = room.fitting(_open_runs(each, found.after) for each in found.open_runs)
    return ops.DiffVersionsResponse(
        from_version=found.before,
        to_version=found.after.version,
        version=room.fitting(map(_field, differing.version)),
        edges=room.fitting(map(_edge, differing.edges)),
        steps=room.fitting(map(_step, differing.steps)),
        left_out=room.left_out,
        trigger_moves=found.trigger_moves,
        open_runs=open_runs,
    )


def _step(change: StepChange) -> ops.StepDifference:
    kind = enums.DIFFERENCE_KIND[change.kind]
    return ops.StepDifference(step_id=change.step_id, kind=kind, fields=map(_field, change.fields))


def _edge(change: EdgeChange) -> ops.EdgeDifference:
    source, target = change.ends
    kind = enums.DIFFERENCE_KIND[change.kind]
    return ops.EdgeDifference(from_step_id=source, to_step_id=target, kind=kind, fields=map(_field, change.fields))


def _field(change: FieldChange) -> ops.FieldDifference:
    path = ".".join(change.path)
    return ops.FieldDifference(
        path=path[:_MAX_TEXT],
        before=_value(path, change.before),
        after=_value(path, change.after),
        expression=change.expression,
    )


def _value(path: str, value: Json) -> Value | None:
    """Members of enums have the wire's names."""
    return None if value is None else payloads.value(_ENUMS[path] + value if path in _ENUMS else value)


def _open_runs(found: OpenRuns, after: Version) -> ops.OpenRuns:
    return ops.OpenRuns(version=found.version, runs=found.runs, steps_gone=found.gone(after))
