"""Requests that control runs: proto to domain values, with every bad-input check.

Each gives the run's id and a command to it; a fork is a start and has no run to go to yet. As in `workflows.requests`,
all that is wrong is told at once; whether the run exists and what its state allows is for the rules. Called by the
servicers of workflows and of runs.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from workflows.ops.v1 import runs_pb2
from workflows.v1 import workflows_pb2 as pb

from service.domain.commands import (
    CancelRun,
    CompensateRun,
    ControlCommand,
    PauseRun,
    ResumeRun,
    RetryStep,
    SkipStep,
)
from service.domain.start_requests import ForkRequest
from service.edge.wire.checks import Checks

OfRun: TypeAlias = pb.PauseRunRequest | pb.ResumeRunRequest | pb.CancelRunRequest | pb.CompensateRunRequest
OfStep: TypeAlias = runs_pb2.RetryStepRequest | runs_pb2.SkipStepRequest
Control: TypeAlias = OfRun | OfStep


@dataclass(frozen=True, slots=True)
class Order:
    """A command to a run."""

    run_id: str
    command: ControlCommand


def order(request: Control) -> Order:
    if isinstance(request, runs_pb2.RetryStepRequest | runs_pb2.SkipStepRequest):
        return _of_step(request)
    checks = Checks.of(request)
    run_id = checks.id("id", request.id, required=True)
    command = _command(checks, request)
    checks.settle()
    return Order(run_id, command)


def _command(checks: Checks, request: OfRun) -> ControlCommand:
    match request:
        case pb.PauseRunRequest():
            return PauseRun(checks.text("reason", request.reason))
        case pb.ResumeRunRequest():
            return ResumeRun()
        case pb.CancelRunRequest():
            return CancelRun(checks.text("reason", request.reason))
        case pb.CompensateRunRequest():
            return CompensateRun(checks.text("reason", request.reason))
        case _:
            assert_never(request)


def _of_step(request: OfStep) -> Order:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.id("step_id", request.step_id, required=True)
    checks.text("reason", request.reason)
    checks.settle()
    kind = RetryStep if isinstance(request, runs_pb2.RetryStepRequest) else SkipStep
    return Order(request.run_id, kind(request.step_id, request.reason))


def fork(request: runs_pb2.ForkRunRequest) -> ForkRequest:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.id("step_id", request.step_id, required=True)
    checks.not_negative("definition_version", request.definition_version)
    checks.text("reason", request.reason)
    checks.settle()
    return ForkRequest(request.run_id, request.step_id, request.definition_version, request.reason)


def previewed(request: runs_pb2.PreviewCompensationRequest) -> str:
    """The run's id."""
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.settle()
    return request.run_id
