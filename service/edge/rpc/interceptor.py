"""What every call passes through, in order: trace, meter, errors, caller, limit, parsing.

A layer wraps a call and gives a call (`layers`, `meter`, `traces`). The grpc interceptor folds them around a method
once and keeps the result. A stream of ours is a call that writes its messages and gives nothing back; it lasts, so it
has a limit of its own (`watches`). Calls of grpc's own services (health) are neither traced nor limited nor attributed,
and their streams (reflection, watching health) pass untouched.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import grpc

from service.domain.errors import Kind, Refusal
from service.edge.context import Layer
from service.edge.gate import access
from service.edge.gate.gate import Gate
from service.edge.gate.room import Room
from service.edge.rpc.layers import answering_errors, identifying, limiting, parsing
from service.edge.rpc.meter import RpcMeter
from service.edge.rpc.traces import tracing
from service.engine.tracing import Tracer

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Found: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

OURS = "/workflows."


class Interceptor(grpc.aio.ServerInterceptor):
    """Wraps every method once, but for the streams of grpc's own services."""

    def __init__(self, max_calls: int, gate: Gate, meter: RpcMeter, tracer: Tracer) -> None:
        self._tracer = tracer
        self._limit = limiting(Room(max_calls, lambda: Refusal(Kind.EXHAUSTED, "overloaded", "too many calls at once")))
        self._gate = gate
        self._meter = meter
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Found]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Found:
        method = handler_call_details.method
        if wrapped := self._wrapped.get(method):
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is not None and (handler.unary_unary or (handler.unary_stream and method.startswith(OURS))):
            handler = self._wrapped[method] = self._wrap(method, handler)
        return handler

    def _wrap(self, method: str, handler: Handler) -> Handler:
        call: Any = handler.unary_unary or handler.unary_stream
        for layer in reversed(self._layers(method, handler)):
            call = layer(call)
        made: Any = grpc.unary_unary_rpc_method_handler
        if handler.unary_stream:
            made = grpc.unary_stream_rpc_method_handler
        found: Handler = made(call, None, handler.response_serializer)
        return found

    def _layers(self, method: str, handler: Handler) -> list[Layer]:
        """Outermost first."""
        parse = parsing(handler.request_deserializer or bytes)
        if not method.startswith(OURS):
            return [answering_errors, parse]
        identify = identifying(self._gate, access.needed(method))
        trace = tracing(self._tracer, method)
        if handler.unary_stream:
            metering: Layer = partial(self._meter.metering_stream, method)
            return [trace, metering, answering_errors, identify, parse]
        metering = partial(self._meter.metering, method)
        return [trace, metering, answering_errors, identify, self._limit, parse]
