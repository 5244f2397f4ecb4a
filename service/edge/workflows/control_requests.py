"""Requests that control a run: proto to a command, with every bad-input check.

As in `requests`, all that is wrong is told at once; whether the run exists and what its state allows is for the rules.
Called by `controls`.
"""

from typing import TypeAlias, assert_never

from workflows.v1 import workflows_pb2 as pb

from service.domain.commands import CancelRun, CompensateRun, ControlCommand, PauseRun, ResumeRun
from service.edge.wire.checks import Checks
from service.edge.workflows.controls import Order

Control: TypeAlias = pb.PauseRunRequest | pb.ResumeRunRequest | pb.CancelRunRequest | pb.CompensateRunRequest


def order(request: Control) -> Order:
    checks = Checks.of(request)
    run_id = checks.id("id", request.id, required=True)
    command = _command(checks, request)
    checks.settle()
    return Order(run_id, command)


def _command(checks: Checks, request: Control) -> ControlCommand:
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
