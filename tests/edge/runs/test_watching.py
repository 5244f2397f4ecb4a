"""WatchRun from its first event to its last: who is sent what, how many watch at once, and what ends a watch."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import grpc
import pytest
from workflows.ops.v1 import runs_pb2 as ops

from service.domain.errors import Kind, Refusal
from service.domain.run_history import EventPage, RunEvent
from service.edge.runs.watches import Watches
from service.engine.ports.failures import StoreUnavailable
from tests.edge.edge import Edge, refused
from tests.edge.fake_inquiries import happened


async def received(stream: AsyncIterable[ops.WatchRunResponse]) -> list[int]:
    """The sequences of everything a stream (still) sends. Raises what it ends with."""
    return [message.event.sequence async for message in stream]


async def watching(edge: Edge) -> AsyncIterator[ops.WatchRunResponse]:
    """A watch that has sent its first event."""
    stream = aiter(edge.run_stub.WatchRun(ops.WatchRunRequest(run_id="wfr_1")))
    assert (await anext(stream)).event.sequence == 1
    return stream


async def test_a_watch_sends_what_happens_and_ends_with_the_run(edge: Edge) -> None:
    stream = await watching(edge)
    assert (await anext(stream)).event.sequence == 2
    assert edge.inquiries.happened is not None
    edge.inquiries.happened.append(happened(3))
    edge.inquiries.ended = True
    assert await received(stream) == [3]


async def test_a_watch_goes_on_after_a_sequence(edge: Edge) -> None:
    edge.inquiries.ended = True
    assert await received(edge.run_stub.WatchRun(ops.WatchRunRequest(run_id="wfr_1", after_sequence=1))) == [2]
    assert await received(edge.run_stub.WatchRun(ops.WatchRunRequest(run_id="wfr_1", after_sequence=9))) == []


async def test_one_watch_too_many_is_told_to_come_back(edge: Edge) -> None:
    request = ops.WatchRunRequest(run_id="wfr_1")
    streams = [await watching(edge) for _ in range(2)]
    error = await refused(received(edge.run_stub.WatchRun(request)))
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too_many_watches")
    assert error.retry_ms > 0
    edge.inquiries.ended = True
    for stream in streams:
        await received(stream)
    assert await received(edge.run_stub.WatchRun(request)) == [1, 2]


async def test_watches_end_with_a_clear_status_when_the_server_stops(edge: Edge) -> None:
    stream = await watching(edge)
    ending = asyncio.create_task(refused(received(stream)))
    await edge.server.stop(5)
    error = await ending
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "server_stopping")


@pytest.mark.parametrize(
    ("met", "code", "reason"),
    [
        (StoreUnavailable("gone"), grpc.StatusCode.UNAVAILABLE, "database_unavailable"),
        (KeyError("secret"), grpc.StatusCode.INTERNAL, "internal"),
    ],
)
async def test_what_happens_to_the_service_ends_a_watch(
    edge: Edge, met: Exception, code: grpc.StatusCode, reason: str
) -> None:
    stream = await watching(edge)
    edge.inquiries.error = met
    error = await refused(received(stream))
    assert (error.code, error.reason) == (code, reason)
    assert "secret" not in error.text


async def test_whoever_goes_away_leaves_their_place() -> None:
    watches, looked, sent = Watches(most=1, soon_seconds=60), asyncio.Event(), list[int]()

    async def look(after: int) -> EventPage:
        looked.set()
        return EventPage([], ended=False)

    async def send(event: RunEvent) -> None:
        sent.append(event.sequence)

    async def ended(after: int) -> EventPage:
        return EventPage([happened(after + 1)], ended=True)

    gone = asyncio.create_task(watches.follow(look, send, 0))
    await looked.wait()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await watches.follow(ended, send, 4)
    assert sent == [5]


async def test_whoever_reads_nothing_gives_their_place_to_others() -> None:
    watches, sent = Watches(most=1, send_seconds=0.01), list[int]()

    async def ended(after: int) -> EventPage:
        return EventPage([happened(after + 1)], ended=True)

    async def stuck(event: RunEvent) -> None:
        await asyncio.Event().wait()

    async def send(event: RunEvent) -> None:
        sent.append(event.sequence)

    with pytest.raises(Refusal) as slow:
        await watches.follow(ended, stuck, 0)
    assert (slow.value.kind, slow.value.reason) == (Kind.EXHAUSTED, "watch_too_slow")
    await watches.follow(ended, send, 4)
    assert sent == [5]


async def test_bytes_that_do_not_parse_end_a_stream_like_a_call(edge: Edge) -> None:
    raw: Any = edge.channel.unary_stream("/workflows.ops.v1.RunService/WatchRun")
    error = await refused(raw(b"\xff").read())
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "malformed_request")
