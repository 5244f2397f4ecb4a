"""What operators ask about definitions as the wire's messages. Like `render`, it trusts the domain and cannot fail.

A report is bounded twice: by how many findings anybody reads, and by what fits into one message, since a draft may hold
long texts that a finding quotes. Called by the servicer of definitions.
"""

from collections.abc import Iterator

from workflows.ops.v1 import definitions_pb2 as ops

from service.domain.errors import Violation
from service.edge.answers import MAX_ANSWER_BYTES
from service.edge.inspector import Findings

MOST_FINDINGS = 1_000
_MAX_TEXT = 2_000
_FRAME = 8  # more than the tag and the length of a finding


def report(found: Findings, max_bytes: int = MAX_ANSWER_BYTES) -> ops.ValidateVersionResponse:
    total = len(found.problems) + len(found.warnings)
    answer, room = ops.ValidateVersionResponse(valid=not found.problems), max_bytes
    for finding in _findings(found):
        room -= finding.ByteSize() + _FRAME
        if room < 0 or len(answer.findings) == MOST_FINDINGS:
            break
        answer.findings.append(finding)
    answer.left_out = total - len(answer.findings)
    return answer


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
