"""What a journey's test does and looks at: starts a run of a graph, reports on a step, reads what came of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.serving import Call
from tests.world import PATIENCE_SECONDS, World, step_state, struct


async def begin(
    shared: World, like: pb.PublishVersionRequest, payload: Mapping[str, Any] | None = None, **fields: Any
) -> pb.WorkflowRun:
    published = await shared.publish(like)
    return await shared.start(published.definition.id, payload, **fields)


async def until_siblings(shared: World, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await shared.siblings.until(holds)


async def report(shared: World, run_id: str, step_id: str, state: str, **said: Any) -> pb.TransitionStepResponse:
    number = pb.StepRunState.Value(f"STEP_RUN_STATE_{state}")
    if "output" in said:
        said["output_payload"] = struct(said.pop("output"))
    return await shared.stub.TransitionStep(
        pb.TransitionStepRequest(run_id=run_id, step_id=step_id, state=number, **said)
    )


def states(run: pb.WorkflowRun) -> dict[str, str]:
    return {each.step_id: step_state(run, each.step_id) for each in run.steps}


def found(run: pb.WorkflowRun, step_id: str) -> pb.StepRun:
    return next(each for each in run.steps if each.step_id == step_id)


def asked(shared: World, run_id: str) -> list[Call]:
    """What the siblings were asked for this run."""
    return [call for call in shared.siblings.calls if call.idempotency_key.startswith(f"{run_id}/")]


def plain(payload: Any) -> dict[str, Any]:
    return json_format.MessageToDict(payload)
