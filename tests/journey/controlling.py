"""What an operator does with the runs of a world, one short call for each control, and sees of them afterwards."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from workflows.ops.v1 import definitions_pb2, runs_pb2
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub
from workflows.v1 import workflows_pb2 as pb

from tests.world import Change, World


def key() -> tuple[tuple[str, str], ...]:
    """The metadata of a call under a key of its own."""
    return (("idempotency-key", uuid4().hex),)


async def pause(world: World, run_id: str, reason: str = "", **options: Any) -> pb.WorkflowRun:
    return (await world.stub.PauseRun(pb.PauseRunRequest(id=run_id, reason=reason), **options)).run


async def resume(world: World, run_id: str, **options: Any) -> pb.WorkflowRun:
    return (await world.stub.ResumeRun(pb.ResumeRunRequest(id=run_id), **options)).run


async def cancel(world: World, run_id: str, reason: str = "", **options: Any) -> pb.WorkflowRun:
    return (await world.stub.CancelRun(pb.CancelRunRequest(id=run_id, reason=reason), **options)).run


async def compensate(world: World, run_id: str, reason: str = "", **options: Any) -> pb.WorkflowRun:
    return (await world.stub.CompensateRun(pb.CompensateRunRequest(id=run_id, reason=reason), **options)).run


async def retry_step(world: World, run_id: str, step_id: str, reason: str = "", **options: Any) -> pb.WorkflowRun:
    request = runs_pb2.RetryStepRequest(run_id=run_id, step_id=step_id, reason=reason)
    return (await RunServiceStub(world.channel).RetryStep(request, **options)).run


async def skip_step(world: World, run_id: str, step_id: str, reason: str = "", **options: Any) -> pb.WorkflowRun:
    request = runs_pb2.SkipStepRequest(run_id=run_id, step_id=step_id, reason=reason)
    return (await RunServiceStub(world.channel).SkipStep(request, **options)).run


async def fork(world: World, run_id: str, step_id: str, version: int = 0, **options: Any) -> pb.WorkflowRun:
    request = runs_pb2.ForkRunRequest(run_id=run_id, step_id=step_id, definition_version=version)
    return (await RunServiceStub(world.channel).ForkRun(request, **options)).run


async def preview(world: World, run_id: str) -> list[list[runs_pb2.PlannedCompensation]]:
    request = runs_pb2.PreviewCompensationRequest(run_id=run_id)
    answer = await RunServiceStub(world.channel).PreviewCompensation(request)
    return [list(level.steps) for level in answer.levels]


async def bound(world: World, definition_id: str, seconds: int) -> int:
    request = definitions_pb2.SetMaxRunDurationRequest(definition_id=definition_id, seconds=seconds)
    return (await DefinitionServiceStub(world.channel).SetMaxRunDuration(request)).seconds


async def enable(world: World, definition_id: str, enabled: bool) -> bool:
    request = definitions_pb2.SetEnabledRequest(definition_id=definition_id, enabled=enabled)
    return (await DefinitionServiceStub(world.channel).SetEnabled(request)).enabled


# --- looking ------------------------------------------------------------------------------------------------------


async def until_state(shared: World, run_id: str, state: pb.WorkflowState.ValueType) -> pb.WorkflowRun:
    return await shared.until(run_id, lambda run: run.state == state)


def created(shared: World, run_id: str) -> list[str]:
    """The steps that objectives were created for, in order; twice for what was begun twice."""
    marks = [each.description.splitlines()[-1] for each in shared.siblings.objectives.values()]
    return [mark.split("/")[1] for mark in marks if mark.startswith(f"{run_id}/")]


def times(told: Sequence[Change], operation: str) -> int:
    return sum(change.type == f"workflows.changes.{operation}" for change in told)
