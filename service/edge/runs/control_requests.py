"""Requests that control a step of a run, fork it, or ask what undoing it means: proto to domain values, with every
bad-input check.

As in `workflows.requests`, all that is wrong is told at once; whether the run exists and what its state allows is for
the rules. A fork is a start and has no run to go to yet. Called by the servicer.
"""

from typing import TypeAlias

from workflows.ops.v1 import runs_pb2 as ops

from service.domain.commands import RetryStep, SkipStep
from service.domain.start_requests import ForkRequest
from service.edge.wire.checks import Checks
from service.edge.workflows.controls import Order

Control: TypeAlias = ops.RetryStepRequest | ops.SkipStepRequest


def order(request: Control) -> Order:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.id("step_id", request.step_id, required=True)
    checks.text("reason", request.reason)
    checks.settle()
    kind = RetryStep if isinstance(request, ops.RetryStepRequest) else SkipStep
    return Order(request.run_id, kind(request.step_id, request.reason))


def fork(request: ops.ForkRunRequest) -> ForkRequest:
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.id("step_id", request.step_id, required=True)
    checks.not_negative("definition_version", request.definition_version)
    checks.text("reason", request.reason)
    checks.settle()
    return ForkRequest(request.run_id, request.step_id, request.definition_version, request.reason)


def previewed(request: ops.PreviewCompensationRequest) -> str:
    """The run's id."""
    checks = Checks.of(request)
    checks.id("run_id", request.run_id, required=True)
    checks.settle()
    return request.run_id
