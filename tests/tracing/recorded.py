"""Spans that a test has recorded, and how they hang together."""

import asyncio
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.tracing.spans import OpenTelemetryTracer
from tests.world import PATIENCE_SECONDS


class Open(SpanProcessor):
    """How many spans have not ended."""

    count = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.count += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.count -= 1


class Recorder:
    """A tracer whose spans are kept as they end."""

    def __init__(self) -> None:
        self._kept, self._open = InMemorySpanExporter(), Open()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        provider.add_span_processor(self._open)
        self.tracer = OpenTelemetryTracer(provider.get_tracer("tests"))

    async def all_ended(self) -> None:
        """An answer or a message is there before the span that it was given in has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._open.count:  # noqa: ASYNC110 (a span tells nobody)
                await asyncio.sleep(0.01)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._kept.get_finished_spans()

    def of(self, trace_id: str) -> list[ReadableSpan]:
        return [span for span in self.spans if trace_id_of(span) == trace_id]

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]


def trace_id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    """Empty for the first of its trace."""
    return f"{span.parent.span_id:016x}" if span.parent else ""


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def line(spans: Sequence[ReadableSpan], last: ReadableSpan) -> list[str]:
    """The names from the first cause that is here down to `last`."""
    by_id, names = {id_of(span): span for span in spans}, [last.name]
    while (cause := by_id.get(parent_of(last))) is not None:
        names.append(cause.name)
        last = cause
    return names[::-1]
