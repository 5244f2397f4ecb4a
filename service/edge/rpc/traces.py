"""The trace of the RPC that is being handled: read from its metadata, kept in a context variable like the caller.

The layer is the outermost of all, so that its span also sees what the others refuse. Whatever a caller sends under
these names, the call is handled alike. Below, whoever makes a command or asks a sibling on the caller's behalf takes
`current`.
"""

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from grpc import StatusCode

from service.domain.trace import TRACEPARENT, TRACESTATE, read
from service.edge.context import Call, Context, Layer
from service.engine.tracing import Span, SpanRole, Tracer

_OUR_FAULT = frozenset(
    (
        StatusCode.UNKNOWN,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.UNIMPLEMENTED,
        StatusCode.INTERNAL,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    )
)
"""The statuses that OpenTelemetry counts as errors of a server."""

_current: ContextVar[str] = ContextVar("trace", default="")


def current() -> str:
    """Empty when the caller named none and nobody records spans, and outside of an RPC."""
    return _current.get()


def tracing(tracer: Tracer, method: str) -> Layer:
    """A span per call, under the caller's trace. `method` is its path."""
    path = method.strip("/")
    service, _, name = path.partition("/")
    about = {"rpc_system": "grpc", "rpc_service": service, "rpc_method": name}

    def layer(call: Call) -> Call:
        async def traced(request: Any, context: Context) -> Any:
            caused_by = told(context.invocation_metadata() or ())
            with tracer.span(path, caused_by, SpanRole.SERVER, **about) as span:
                _current.set(span.trace)
                try:
                    answer = await call(request, context)
                except BaseException as error:
                    _tell(span, _status(context, error))
                    raise
                _tell(span, StatusCode.OK)
                return answer

        return traced

    return layer


def _status(context: Context, error: BaseException) -> StatusCode:
    """A caller that went away has no status from us."""
    if isinstance(error, asyncio.CancelledError):
        return StatusCode.CANCELLED
    code: object = context.code()
    return code if isinstance(code, StatusCode) else StatusCode.UNKNOWN


def _tell(span: Span, status: StatusCode) -> None:
    span.tell(grpc_status=status.value[0])
    if status in _OUR_FAULT:
        span.fail(status.name)


def told(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The trace in a call's metadata; of one that is named twice gRPC hands on the last."""
    named = {name: value for name, value in metadata if name in (TRACEPARENT, TRACESTATE)}
    return read(named.get(TRACEPARENT), named.get(TRACESTATE))
