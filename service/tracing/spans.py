"""The engine's spans, recorded by OpenTelemetry.

A span's parent is what the engine names as its cause, never what happens to be current: commands wait in mailboxes and
in tables, and go on in other tasks and processes. Attributes are ids, kinds and counts. Satisfies
`engine.tracing.Tracer` structurally.
"""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from service.domain.errors import Refusal
from service.domain.trace import read, told
from service.engine.tracing import SpanRole

MAX_LINKS = 128
_NAMES = {
    "rpc_system": "rpc.system",
    "rpc_service": "rpc.service",
    "rpc_method": "rpc.method",
    "grpc_status": "rpc.grpc.status_code",
}
_KINDS = {role: SpanKind[role] for role in SpanRole}


class RecordedSpan:
    """Begins when it is made, which is when it is entered: `with tracer.span(...)`."""

    def __init__(self, span: otel.Span, role: SpanRole) -> None:
        self._span = span
        self._role = role
        self.trace = _trace(span.get_span_context())

    @property
    def recording(self) -> bool:
        return self._span.is_recording()

    def tell(self, **about: str | int) -> None:
        self._span.set_attributes(_named(about))

    def note(self, what: str) -> None:
        self._span.add_event(what)

    def fail(self, reason: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A server's span is told its status; every other one has failed when an error comes through."""
        if error is not None and self._role is not SpanRole.SERVER:
            self.fail(error.reason if isinstance(error, Refusal) else type(error).__name__)
        self._span.end()


class OpenTelemetryTracer:
    def __init__(self, tracer: otel.Tracer) -> None:
        self._tracer = tracer

    def span(
        self, name: str, trace: str, role: SpanRole = SpanRole.INTERNAL, links: Iterable[str] = (), **about: str | int
    ) -> RecordedSpan:
        span = self._tracer.start_span(name, _under(trace), _KINDS[role], _named(about), _links(links, trace))
        return RecordedSpan(span, role)


def _named(about: Mapping[str, str | int]) -> dict[str, str | int]:
    return {_NAMES.get(name, f"workflows.{name}"): value for name, value in about.items()}


def _under(trace: str) -> Context:
    """Nothing else counts as parent, whatever is current."""
    return otel.set_span_in_context(otel.NonRecordingSpan(_context(trace)), Context()) if trace else Context()


def _links(traces: Iterable[str], parent: str) -> list[Link]:
    others = [trace for trace in dict.fromkeys(traces) if trace and trace != parent]
    return [Link(_context(trace)) for trace in others[:MAX_LINKS]]


def _context(trace: str) -> SpanContext:
    fields = told(trace)
    _, trace_id, span_id, flags = fields["traceparent"].split("-")
    state = TraceState.from_header([fields.get("tracestate", "")])
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)), state)


def _trace(context: SpanContext) -> str:
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return read(parent, context.trace_state.to_header())
