"""Calls as a whole: what is passed on, replays, cancelled callers, overload, health, reflection, stopping."""

import asyncio
from decimal import Decimal
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]
from workflows.v1 import workflows_pb2 as pb

from service.domain.commands import Envelope, TransitionStep
from service.domain.definition import TriggerType
from service.domain.state import RunState, StepState
from tests.edge.edge import Edge, refused, serving
from tests.world import PATIENCE_SECONDS

START = pb.StartRunRequest(definition_id="wf_1")
DONE = pb.TransitionStepRequest(run_id="wfr_1", step_id="one", state=pb.STEP_RUN_STATE_COMPLETED)
KEY = (("idempotency-key", "k1"),)
SERVICES = (
    "workflows.v1.WorkflowService",
    "workflows.ops.v1.HumanTaskService",
    "workflows.ops.v1.RunService",
    "workflows.ops.v1.DefinitionService",
)


async def test_a_report_arrives_as_a_command(edge: Edge) -> None:
    request = pb.TransitionStepRequest(cost_usd=0.034, error_message="late")
    request.MergeFrom(DONE)
    request.output_payload.update({"score": 3, "tags": ["a", None, True], "deep": {"x": 1.5}})
    answer = await edge.stub.TransitionStep(request)
    envelope = edge.runs.committed[0]
    assert isinstance(envelope, Envelope)
    assert envelope.command == TransitionStep(
        step_id="one",
        state=StepState.COMPLETED,
        output_payload={"score": 3.0, "tags": ["a", None, True], "deep": {"x": 1.5}},
        error_message="late",
        cost_usd=Decimal("0.034"),
    )
    assert (envelope.actor, envelope.guarded) == ("anonymous", False)
    assert answer.step.step_id == "one"
    assert answer.run.steps[0] == answer.step


async def test_what_is_not_said_stays_unsaid(edge: Edge) -> None:
    await edge.stub.TransitionStep(DONE)
    command = edge.runs.committed[0].command
    assert (command.output_payload, command.cost_usd) == (None, None)


async def test_the_default_trigger_type(edge: Edge) -> None:
    await edge.stub.StartRun(START)
    await edge.stub.StartRun(pb.StartRunRequest(definition_id="wf_1", parent_run_id="wfr_0"))
    assert [request.trigger_type for request, _ in edge.runs.committed] == [TriggerType.MANUAL, TriggerType.WORKFLOW]


async def test_lists_pass_their_filters_and_clamp_the_limit(edge: Edge) -> None:
    answer = await edge.stub.ListRuns(pb.ListRunsRequest(limit=100_000, offset=3, state=pb.WORKFLOW_STATE_PAUSED))
    chosen, limit, offset = edge.runs.asked[0]
    assert (chosen.workspace_id, chosen.state, limit, offset) == (None, RunState.PAUSED, 500, 3)
    assert (len(answer.runs), answer.total) == (1, 9)
    await edge.stub.ListDefinitions(pb.ListDefinitionsRequest(workspace_id="acme", tag="sales"))
    assert edge.definitions.asked[0] == ("acme", "sales", 50, 0)


async def test_a_name_in_metadata_is_not_believed(edge: Edge) -> None:
    await edge.stub.TransitionStep(DONE, metadata=(("x-actor", "user:boss"),))
    assert edge.runs.committed[0].actor == "anonymous"


async def test_a_key_guards_and_the_digest_follows_the_body(edge: Edge) -> None:
    other = pb.TransitionStepRequest(error_message="other")
    other.MergeFrom(DONE)
    for request in (DONE, DONE, other):
        await edge.stub.TransitionStep(request, metadata=KEY)
    first, again, different = edge.runs.committed
    assert first.guarded
    assert (first.cause, first.digest) == (again.cause, again.digest)
    assert first.cause == different.cause
    assert first.digest != different.digest


async def test_a_replay_says_so_in_its_header(edge: Edge) -> None:
    fresh = edge.stub.StartRun(START, metadata=KEY)
    await fresh
    assert "idempotent-replay" not in dict(await fresh.initial_metadata())
    edge.runs.replay = True
    again = edge.stub.StartRun(START, metadata=KEY)
    await again
    assert dict(await again.initial_metadata())["idempotent-replay"] == "true"


async def test_a_cancelled_caller_does_not_cut_the_commit(edge: Edge) -> None:
    edge.runs.gate = asyncio.Event()
    call = edge.stub.StartRun(START)
    waiting = asyncio.ensure_future(_result(call))
    await edge.runs.entered.wait()
    call.cancel()
    assert isinstance(await waiting, asyncio.CancelledError)
    assert not edge.committed
    edge.runs.gate.set()
    assert await edge.shield.drain(PATIENCE_SECONDS) == 0
    assert len(edge.committed) == 1


async def test_a_passed_deadline_does_not_cut_the_commit(edge: Edge) -> None:
    edge.runs.gate = asyncio.Event()
    error = await _result(edge.stub.TransitionStep(DONE, timeout=2))
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    edge.runs.gate.set()
    await edge.shield.drain(PATIENCE_SECONDS)
    assert len(edge.committed) == 1


async def test_one_call_too_many_is_told_to_come_back() -> None:
    async with serving(max_calls=1) as edge:
        edge.runs.gate = asyncio.Event()
        first = asyncio.ensure_future(_result(edge.stub.StartRun(START)))
        await edge.runs.entered.wait()
        error = await refused(edge.stub.GetRun(pb.GetRunRequest(id="wfr_1")))
        assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded")
        assert error.retry_ms > 0
        assert await _health(edge, "") is not None
        edge.runs.gate.set()
        assert isinstance(await first, pb.StartRunResponse)
        await edge.stub.GetRun(pb.GetRunRequest(id="wfr_1"))


async def test_a_burst_of_two_thousand_calls_is_answered(edge: Edge) -> None:
    calls = (_result(edge.stub.GetRun(pb.GetRunRequest(id="wfr_1"))) for _ in range(2_000))
    answers = await asyncio.gather(*calls)
    codes = {answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)}
    assert codes <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert any(isinstance(answer, pb.GetRunResponse) for answer in answers)


async def test_health_flips(edge: Edge) -> None:
    serving_, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    for name in ("", *SERVICES):
        assert await _health(edge, name) == not_serving
    await edge.server.set_serving(True)
    for name in ("", *SERVICES):
        assert await _health(edge, name) == serving_
    await edge.server.set_serving(False)
    assert await _health(edge, "") == not_serving


async def test_reflection_lists_the_services(edge: Edge) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(edge.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([request])):
        names = {service.name for service in answer.list_services_response.service}
        assert {*SERVICES, "grpc.health.v1.Health"} <= names


async def test_stopping_waits_for_calls_and_for_commits_left_behind() -> None:
    async with serving() as edge:
        edge.runs.gate = asyncio.Event()
        left = edge.stub.StartRun(START)
        waiting = asyncio.ensure_future(_result(left))
        await edge.runs.entered.wait()
        left.cancel()
        await waiting
        stopping = asyncio.ensure_future(edge.server.stop(5))
        asyncio.get_running_loop().call_later(0.1, edge.runs.gate.set)
        await stopping
        assert len(edge.committed) == 1


async def _health(edge: Edge, name: str) -> Any:
    stub = health_pb2_grpc.HealthStub(edge.channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status


async def _result(call: Any) -> Any:
    try:
        return await call
    except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
        return error
