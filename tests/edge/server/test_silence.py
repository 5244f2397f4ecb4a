"""Clients that vanish without a word: nothing says that they are gone, and yet they must not keep their places."""

import asyncio

import grpc
from workflows.ops.v1.runs_pb2 import WatchRunRequest
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub

from tests.edge.edge import Edge, refused, serving
from tests.tunnel import tunnel

WATCH = WatchRunRequest(run_id="wfr_1")


async def test_a_watcher_that_vanished_leaves_its_place_to_others() -> None:
    async with (
        serving(ping_seconds=1) as edge,
        tunnel(edge.port) as way_there,
        grpc.aio.insecure_channel(f"127.0.0.1:{way_there.port}") as channel,
    ):
        watches = [RunServiceStub(channel).WatchRun(WATCH) for _ in range(2)]
        for watch in watches:
            await watch.read()
        assert (await refused(edge.run_stub.WatchRun(WATCH).read())).reason == "too_many_watches"
        way_there.silence()
        async with asyncio.timeout(60):
            await until_there_is_room(edge)


async def until_there_is_room(edge: Edge) -> None:
    while True:
        watch = edge.run_stub.WatchRun(WATCH)
        try:
            await watch.read()
            return
        except grpc.aio.AioRpcError:
            watch.cancel()
