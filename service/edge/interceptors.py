"""What every call passes through, in order: meter, errors, limit, caller, parsing.

A layer wraps a call and gives a call. The grpc interceptor folds them around a method once and keeps the result. A
stream of ours is a call that writes its messages and gives nothing back; it lasts, so it has a limit of its own
(`watches`). Calls of grpc's own services (health) are neither limited nor attributed, and their streams (reflection,
watching health) pass untouched. Cancellation and an answer that was already aborted are never swallowed.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from service.domain.errors import Kind, Refusal, invalid
from service.edge import caller, errors
from service.edge.errors import Context
from service.edge.rpc_meter import RpcMeter

Call: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Layer: TypeAlias = Callable[[Call], Call]
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


class Limit:
    """At most so many calls at once; one more is told to come back."""

    def __init__(self, most: int) -> None:
        self._free = most

    def limiting(self, call: Call) -> Call:
        async def limited(request: Any, context: Context) -> Any:
            if self._free == 0:
                raise Refusal(Kind.EXHAUSTED, "overloaded", "too many calls at once")
            self._free -= 1
            try:
                return await call(request, context)
            finally:
                self._free += 1

        return limited


def identifying(call: Call) -> Call:
    """Builds the caller. No tokens are configured, so every call is open."""

    async def identified(request: Any, context: Context) -> Any:
        caller.enter(caller.OPEN)
        return await call(request, context)

    return identified


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

    def __init__(self, max_calls: int, meter: RpcMeter) -> None:
        self._limit = Limit(max_calls)
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
        if handler.unary_stream:
            metering: Layer = partial(self._meter.metering_stream, method)
            return [metering, answering_errors, identifying, parse]
        metering = partial(self._meter.metering, method)
        return [metering, answering_errors, self._limit.limiting, identifying, parse]
