"""What the meter sees of calls: every one, with the status its caller got."""

import grpc
from workflows.ops.v1 import runs_pb2
from workflows.v1 import workflows_pb2 as pb

from service.domain.errors import not_found
from tests.bus.helpers import eventually
from tests.edge.edge import Edge, refused, serving

GET, SERVICE = "workflows.v1.WorkflowService/GetRun", "workflows.v1.WorkflowService"


async def counted(edge: Edge) -> dict[tuple[str, str], int]:
    """Once every call has been noted: its caller may have heard the answer before."""
    meter = edge.server.meter
    await eventually(lambda: not meter.calls_open.count and not meter.streams_open.count)
    return {key: sum(durations.counts) for key, durations in meter.calls.items()} | dict(meter.streams)


async def test_calls_are_counted_by_method_and_status(edge: Edge) -> None:
    edge.runs.error = not_found("run", "wfr_nowhere")
    await refused(edge.stub.GetRun(pb.GetRunRequest(id="wfr_nowhere")))
    await refused(edge.stub.GetRun(pb.GetRunRequest()))
    await refused(edge.stub.GetRun(pb.GetRunRequest()))
    await edge.stub.ListDefinitions(pb.ListDefinitionsRequest())
    assert await counted(edge) == {
        (GET, "NOT_FOUND"): 1,
        (GET, "INVALID_ARGUMENT"): 2,
        (f"{SERVICE}/ListDefinitions", "OK"): 1,
    }


async def test_what_cannot_be_read_and_what_is_too_much_is_counted_too() -> None:
    async with serving(max_calls=0) as edge:
        raw: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = edge.channel.unary_unary(f"/{GET}")
        await refused(raw(b"\xff\xff"))
        assert await counted(edge) == {(GET, "RESOURCE_EXHAUSTED"): 1}


async def test_a_stream_is_counted_when_it_has_ended(edge: Edge) -> None:
    edge.inquiries.happened = None
    call = edge.run_stub.WatchRun(runs_pb2.WatchRunRequest(run_id="wfr_nowhere"))
    code = await call.code()
    assert code is grpc.StatusCode.NOT_FOUND
    assert await counted(edge) == {("workflows.ops.v1.RunService/WatchRun", "NOT_FOUND"): 1}
