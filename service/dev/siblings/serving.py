"""The gRPC side of the simulated siblings: every request is logged, befallen by scripted faults, answered once per key.

Works on raw bytes, so that the log holds exactly what was sent and a garbled reply can be sent back. A method marked
`once` answers a repeated idempotency key with the first answer and does nothing a second time; a refusal is not kept.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from service.dev.siblings.changes import caused_by
from service.dev.siblings.script import SLOW, Fault
from service.dev.siblings.stage import Refused, Stage
from service.domain.trace import TRACEPARENT, TRACESTATE, read

Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]

ANSWERED = "ANSWERED"
REPEATED = "REPEATED"
_RAW_REPLIES = {"EMPTY": b"", "GARBAGE": b"\xff\xff\xff"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in. The outcome is ANSWERED, REPEATED (the key was known), a fault's kind or a status.
    `trace` is what its metadata named."""

    method: str
    workspace_id: str
    idempotency_key: str
    request: bytes
    at: datetime
    outcome: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """`handle` takes the parsed request and the caller's workspace; it may raise Refused."""

    service: str
    name: str
    request: type[Message]
    handle: Callable[[Any, str], Message]
    once: bool = False

    @property
    def method(self) -> str:
        """As scripts and the log spell it: `objectives.Create`."""
        return f"{self.service.partition('.')[0]}.{self.name}"


class Desk:
    """Takes every request of every sibling."""

    def __init__(self, stage: Stage, faults: Sequence[Fault]) -> None:
        self.calls: list[Call] = []
        self._stage = stage
        self._pending_faults = [fault for fault in faults for _ in range(fault.times)]
        self._answers: dict[tuple[str, str], bytes] = {}

    def add_fault(self, fault: Fault) -> None:
        self._pending_faults += [fault] * fault.times

    def handlers(self, routes: Iterable[Route]) -> list[grpc.GenericRpcHandler]:
        by_service = groupby(sorted(routes, key=lambda route: route.service), key=lambda route: route.service)
        return [
            grpc.method_handlers_generic_handler(service, {route.name: self._handler(route) for route in group})
            for service, group in by_service
        ]

    def _handler(self, route: Route) -> "grpc.RpcMethodHandler[bytes, bytes]":
        async def serve(raw: bytes, context: Context) -> bytes:
            return await self._serve(route, raw, context)

        return grpc.unary_unary_rpc_method_handler(serve)

    async def _serve(self, route: Route, raw: bytes, context: Context) -> bytes:
        told = {key: str(value) for key, value in context.invocation_metadata() or ()}
        key, workspace_id = told.get("idempotency-key", ""), told.get("x-workspace-id", "")
        caused_by.set(read(told.get(TRACEPARENT), told.get(TRACESTATE)))
        fault = self._take_fault(route.method)
        try:
            reply, outcome = self._reply(route, raw, key, workspace_id, fault)
        except Refused as refusal:
            self._log(route, raw, key, workspace_id, refusal.code.name)
            await context.abort(refusal.code, str(refusal))
        self._log(route, raw, key, workspace_id, fault.kind if fault else outcome)
        return await _strike(fault, reply, context) if fault else reply

    def _reply(self, route: Route, raw: bytes, key: str, workspace_id: str, fault: Fault | None) -> tuple[bytes, str]:
        if fault and not fault.works:
            return b"", fault.kind
        if route.once and (known := self._answers.get((route.method, key))) is not None:
            return known, REPEATED
        reply = route.handle(_parsed(route, raw), workspace_id).SerializeToString()
        if route.once and key:
            self._answers[route.method, key] = reply
        return reply, ANSWERED

    def _take_fault(self, method: str) -> Fault | None:
        for index, fault in enumerate(self._pending_faults):
            if fnmatchcase(method, fault.method):
                return self._pending_faults.pop(index)
        return None

    def _log(self, route: Route, raw: bytes, key: str, workspace_id: str, outcome: str) -> None:
        self.calls.append(Call(route.method, workspace_id, key, raw, datetime.now(UTC), outcome, caused_by.get()))
        self._stage.moved()


def _parsed(route: Route, raw: bytes) -> Message:
    try:
        return route.request.FromString(raw)
    except DecodeError as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "these bytes are no request") from error


async def _strike(fault: Fault, reply: bytes, context: Context) -> bytes:
    if fault.kind == SLOW:
        await asyncio.sleep(fault.delay_seconds)
        return reply
    if fault.kind == "HANG":
        await asyncio.Event().wait()
    if fault.kind in _RAW_REPLIES:
        return _RAW_REPLIES[fault.kind]
    await context.abort(grpc.StatusCode[fault.kind], f"scripted {fault.kind}")
