"""The RPCs that control runs: what arrives as a command, what is told of replays, what comes back."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from workflows.ops.v1 import definitions_pb2, runs_pb2
from workflows.v1 import workflows_pb2 as pb

from service.domain.commands import (
    CancelRun,
    CompensateRun,
    ControlCommand,
    Envelope,
    PauseRun,
    ResumeRun,
    RetryStep,
    SkipStep,
)
from service.domain.errors import Kind, Refusal, not_found
from service.domain.start_requests import ForkRequest
from service.domain.state import StepState
from service.domain.undo_preview import ToUndo
from tests.edge.edge import Edge, refused
from tests.world import PATIENCE_SECONDS

KEY = (("idempotency-key", "k1"),)
WHY: dict[str, Any] = {"reason": "because"}
ONE: dict[str, Any] = {"run_id": "wfr_7", "step_id": "one"}

CONTROLS: list[tuple[Message, ControlCommand]] = [
    (pb.PauseRunRequest(id="wfr_7", **WHY), PauseRun("because")),
    (pb.PauseRunRequest(id="wfr_7"), PauseRun("")),
    (pb.ResumeRunRequest(id="wfr_7"), ResumeRun()),
    (pb.CancelRunRequest(id="wfr_7", **WHY), CancelRun("because")),
    (pb.CompensateRunRequest(id="wfr_7", **WHY), CompensateRun("because")),
    (runs_pb2.RetryStepRequest(**ONE, **WHY), RetryStep("one", "because")),
    (runs_pb2.SkipStepRequest(**ONE, **WHY), SkipStep("one", "because")),
]
EVERY = pytest.mark.parametrize(("request_", "command"), CONTROLS, ids=lambda value: type(value).__name__)
FORK = runs_pb2.ForkRunRequest(**ONE, **WHY, definition_version=3)
BOUND = definitions_pb2.SetMaxRunDurationRequest(definition_id="wf_1", seconds=90)


def call(edge: Edge, request: Message, **options: Any) -> Any:
    """The call of the RPC that takes such a request."""
    name = request.DESCRIPTOR.name.removesuffix("Request")
    stubs = (edge.stub, edge.run_stub, edge.definition_stub)
    return next(getattr(stub, name) for stub in stubs if hasattr(stub, name))(request, **options)


@EVERY
async def test_a_control_is_a_command_to_the_run(edge: Edge, request_: Message, command: ControlCommand) -> None:
    answer = await call(edge, request_)
    envelope = edge.runs.committed[0]
    assert isinstance(envelope, Envelope)
    assert (envelope.command, envelope.actor, envelope.guarded) == (command, "anonymous", False)
    assert answer.run.id == "wfr_7"


@EVERY
async def test_a_key_guards_a_control(edge: Edge, request_: Message, command: ControlCommand) -> None:
    other = type(request_)()
    other.CopyFrom(request_)
    setattr(other, "id" if hasattr(other, "id") else "run_id", "wfr_8")
    for each in (request_, request_, other):
        await call(edge, each, metadata=KEY)
    first, again, different = edge.runs.committed
    assert first.guarded
    assert (first.cause, first.digest) == (again.cause, again.digest)
    assert first.digest != different.digest


async def test_two_controls_under_one_key_are_two_requests(edge: Edge) -> None:
    """Cancelling and compensating with the same id and reason are the same bytes."""
    for each in (pb.CancelRunRequest(id="wfr_7"), pb.CompensateRunRequest(id="wfr_7")):
        await call(edge, each, metadata=KEY)
    cancelled, compensated = edge.runs.committed
    assert cancelled.cause == compensated.cause
    assert cancelled.digest != compensated.digest


@pytest.mark.parametrize("request_", [*(request for request, _ in CONTROLS), FORK, BOUND])
async def test_a_replay_says_so_in_its_header(edge: Edge, request_: Message) -> None:
    for replay in (False, True):
        edge.runs.replay = edge.definitions.replay = replay
        made = call(edge, request_, metadata=KEY)
        await made
        assert ("idempotent-replay" in dict(await made.initial_metadata())) is replay


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.NOT_FOUND, grpc.StatusCode.NOT_FOUND),
        (Kind.CONFLICT, grpc.StatusCode.FAILED_PRECONDITION),
        (Kind.EXISTS, grpc.StatusCode.ALREADY_EXISTS),
        (Kind.ABORTED, grpc.StatusCode.ABORTED),
    ],
)
@pytest.mark.parametrize("request_", [CONTROLS[0][0], CONTROLS[5][0], FORK, BOUND])
async def test_what_the_rules_refuse(edge: Edge, request_: Message, kind: Kind, code: grpc.StatusCode) -> None:
    edge.runs.error = edge.definitions.error = Refusal(kind, "some_reason", "some words")
    error = await refused(call(edge, request_))
    assert (error.code, error.reason, error.message) == (code, "some_reason", "some words")


async def test_a_control_whose_client_went_away_is_made_whole(edge: Edge) -> None:
    edge.runs.gate = asyncio.Event()
    waiting = call(edge, pb.CancelRunRequest(id="wfr_7"))
    await edge.runs.entered.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    edge.runs.gate.set()
    assert await edge.shield.drain(PATIENCE_SECONDS) == 0
    assert [envelope.command for envelope in edge.committed] == [CancelRun("")]


# --- forks ---------------------------------------------------------------------------------------------------------


async def test_a_fork_is_asked_for_and_its_run_comes_back(edge: Edge) -> None:
    answer = await edge.run_stub.ForkRun(FORK)
    assert edge.runs.committed == [(ForkRequest("wfr_7", "one", 3, "because"), None, "anonymous", None)]
    assert answer.run.id == "wfr_2"


async def test_a_fork_under_a_key(edge: Edge) -> None:
    await edge.run_stub.ForkRun(FORK, metadata=KEY)
    (_, _, _, idem) = edge.runs.committed[0]
    assert (idem.scope, idem.key) == ("anonymous", "k1")


# --- what would be undone ------------------------------------------------------------------------------------------


async def test_a_preview_shows_levels(edge: Edge) -> None:
    edge.runs.levels = [
        [
            ToUndo("pay", StepState.FAILED, "refund", (), True),
            ToUndo("ship", StepState.COMPLETED, "", ["wfr_9"], False),
        ],
        [ToUndo("book", StepState.CANCELLED, "free", (), False)],
    ]
    answer = await edge.run_stub.PreviewCompensation(runs_pb2.PreviewCompensationRequest(run_id="wfr_7"))
    pay = {"step_id": "pay", "state": "STEP_RUN_STATE_FAILED", "compensation_step_id": "refund"}
    ship = {"step_id": "ship", "state": "STEP_RUN_STATE_COMPLETED", "child_run_ids": ["wfr_9"]}
    book = {"step_id": "book", "state": "STEP_RUN_STATE_CANCELLED", "compensation_step_id": "free"}
    assert json_format.MessageToDict(answer, preserving_proto_field_name=True) == {
        "levels": [{"steps": [{**pay, "attempted_before": True}, ship]}, {"steps": [book]}]
    }
    assert edge.runs.asked == [("wfr_7", None)]
    assert not edge.committed


async def test_a_preview_of_nothing_left_and_of_no_run(edge: Edge) -> None:
    request = runs_pb2.PreviewCompensationRequest(run_id="wfr_7")
    assert not (await edge.run_stub.PreviewCompensation(request)).levels
    edge.runs.levels = None
    error = await refused(edge.run_stub.PreviewCompensation(request))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "run_not_found")


# --- how long runs may take ----------------------------------------------------------------------------------------


async def test_a_bound_is_set_and_told(edge: Edge) -> None:
    assert (await edge.definition_stub.SetMaxRunDuration(BOUND)).seconds == 90
    assert edge.definitions.committed == [("wf_1", 90, None, None)]


async def test_a_bound_of_no_definition(edge: Edge) -> None:
    edge.definitions.error = not_found("definition", "wf_1")
    error = await refused(edge.definition_stub.SetMaxRunDuration(BOUND))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "definition_not_found")
