"""The layers around a call that have no home of their own: errors, the limit, the caller, parsing.

Each wraps a call and gives a call. Cancellation and an answer that was already aborted are never swallowed. Put in
order by the interceptor.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from service.domain.errors import Kind, Refusal, invalid
from service.edge.context import Call, Context, Layer
from service.edge.gate import caller
from service.edge.gate.caller import Caller
from service.edge.gate.gate import Gate
from service.edge.gate.room import Room
from service.edge.rpc import errors


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
