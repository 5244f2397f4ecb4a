"""What every call passes through, in order: trace, meter, errors, caller, limit, parsing.

A layer wraps a call and gives a call. The grpc interceptor folds them around a method once and keeps the result. A
stream of ours is a call that writes its messages and gives nothing back; it lasts, so it has a limit of its own
(`watches`). Calls of grpc's own services (health) are neither traced nor limited nor attributed, and their streams
(reflection, watching health) pass untouched. Cancellation and an answer that was already aborted are never swallowed.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from service.domain.errors import Kind, Refusal, invalid
from service.edge.context import Call, Context, Layer
from service.edge.gate import access, caller
from service.edge.gate.caller import Caller
from service.edge.gate.gate import Gate
from service.edge.gate.room import Room
from service.edge.rpc import errors
from service.edge.rpc.meter import RpcMeter
from service.edge.rpc.traces import tracing
from service.engine.tracing import Tracer

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Found: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

OURS = "/workflows."


def answering_errors(call: Call) -> Call:
    """Every exception becomes a status of the error table."""

    async def answered(request: Any, context: Context) -> Any:
        try:
            return await call(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await errors.answer(context, error)

    return answered


def limiting(room: Room) -> Layer:
    """At most so many calls at once. Only callers who may call take room, so those who may not cannot fill it."""

    def layer(call: Call) -> Call:
        async def limited(request: Any, context: Context) -> Any:
            with room.place(caller.current().workspace):
                return await call(request, context)

        return limited

    return layer


def identifying(gate: Gate, scope: str) -> Layer:
    """Builds the caller, who must have the scope."""

    def layer(call: Call) -> Call:
        async def identified(request: Any, context: Context) -> Any:
            admitted = await gate.admit(context, scope)
            caller.enter(admitted, partial(_confirm, gate, scope, context, admitted))
            return await call(request, context)

        return identified

    return layer


async def _confirm(gate: Gate, scope: str, context: Context, admitted: Caller) -> None:
    """What is shown to a caller for long is shown to the one it began with. Raises Refusal."""
    if (await gate.admit(context, scope)).workspace != admitted.workspace:
        raise Refusal(Kind.UNKNOWN_CALLER, "token_changed", "the token belongs to another organization by now")


def parsing(deserialize: Callable[[bytes], Any]) -> Layer:
    """Bytes to the request's message, here and not in grpc, whose own answer would name a Python class."""

    def layer(call: Call) -> Call:
        async def parsed(request: bytes, context: Context) -> Any:
            try:
                message = deserialize(request)
            except DecodeError:
                raise invalid("", "malformed_request", "the request cannot be read") from None
            return await call(message, context)

        return parsed

    return layer


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
