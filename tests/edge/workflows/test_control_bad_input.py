"""Every bad request that controls a run: its status, the field it blames, its reason, and that nothing was stored."""

from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from workflows.ops.v1 import definitions_pb2, runs_pb2
from workflows.v1 import workflows_pb2 as pb

from service.domain.config import MAX_SECONDS
from tests.edge.edge import Edge, refused
from tests.edge.workflows.test_bad_input import LONG
from tests.edge.workflows.test_control import call

Fork, Bound = runs_pb2.ForkRunRequest, definitions_pb2.SetMaxRunDurationRequest
FINE: dict[type[Message], dict[str, Any]] = {
    pb.PauseRunRequest: {"id": "wfr_1"},
    pb.ResumeRunRequest: {"id": "wfr_1"},
    pb.CancelRunRequest: {"id": "wfr_1"},
    pb.CompensateRunRequest: {"id": "wfr_1"},
    runs_pb2.RetryStepRequest: {"run_id": "wfr_1", "step_id": "one"},
    runs_pb2.SkipStepRequest: {"run_id": "wfr_1", "step_id": "one"},
    Fork: {"run_id": "wfr_1", "step_id": "one"},
    runs_pb2.PreviewCompensationRequest: {"run_id": "wfr_1"},
    Bound: {"definition_id": "wf_1"},
}
WITH_REASON = [kind for kind in FINE if "reason" in kind.DESCRIPTOR.fields_by_name]
BAD_IDS = [("", "required"), (" \t", "required"), (LONG, "too_long"), ("a\0", "nul_character")]
BAD_REASONS = [("é" * 2_001, "too_long"), ("well\0", "nul_character")]


class Bad(NamedTuple):
    request: Message
    field: str
    reason: str


def bad(kind: type[Message], field: str, value: Any, reason: str) -> Bad:
    """A good request but for one field."""
    return Bad(kind(**{**FINE[kind], field: value}), field, reason)


TABLE = [
    *(bad(kind, field, *each) for kind, fields in FINE.items() for field in fields for each in BAD_IDS),
    *(bad(kind, "reason", *each) for kind in WITH_REASON for each in BAD_REASONS),
    bad(Fork, "definition_version", -1, "negative"),
    bad(Bound, "seconds", -1, "negative"),
    bad(Bound, "seconds", MAX_SECONDS + 1, "absurd_duration"),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.request.DESCRIPTOR.name}-{bad.field}-{bad.reason}")
async def test_bad_request_is_refused_and_stores_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(call(edge, bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.runs.asked
    assert not edge.definitions.asked


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    request = Fork(step_id=LONG, definition_version=-1, reason="r" * 2_001)
    error = await refused(call(edge, request))
    assert set(error.fields) == {"run_id", "step_id", "definition_version", "reason"}


@pytest.mark.parametrize("kind", WITH_REASON, ids=lambda kind: kind.__name__)
async def test_the_limits_themselves_are_fine(edge: Edge, kind: type[Message]) -> None:
    await call(edge, kind(**{field: "i" * 128 for field in FINE[kind]}, reason="é" * 2_000))
    await call(edge, Bound(definition_id="d" * 128, seconds=MAX_SECONDS))
    assert len(edge.committed) == 2


@pytest.mark.parametrize("kind", [kind for kind in FINE if kind is not runs_pb2.PreviewCompensationRequest])
async def test_an_unusable_idempotency_key(edge: Edge, kind: type[Message]) -> None:
    error = await refused(call(edge, kind(**FINE[kind]), metadata=(("idempotency-key", "k" * 129),)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_idempotency_key")
    assert not edge.committed


@pytest.mark.parametrize(
    "rpc",
    ["v1.WorkflowService/PauseRun", "ops.v1.RunService/ForkRun", "ops.v1.DefinitionService/SetMaxRunDuration"],
)
async def test_bytes_that_do_not_parse(edge: Edge, rpc: str) -> None:
    raw: Any = edge.channel.unary_unary(f"/workflows.{rpc}")
    error = await refused(raw(b"\xff"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "malformed_request")
