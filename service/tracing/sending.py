"""Sends spans by OTLP over gRPC, set up by OpenTelemetry's own environment variables.

Spans leave in batches from a thread of OpenTelemetry's; when the collector does not answer they are dropped, which is
said in the log and felt by nobody. On the way out what is left is flushed by a thread that nobody waits for longer than
STOP_SECONDS.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from service.tracing.spans import OpenTelemetryTracer

NAME = "workflows"
STOP_SECONDS = 2.0


@asynccontextmanager
async def sending(replica: str) -> AsyncIterator[OpenTelemetryTracer]:
    """Raises whatever OpenTelemetry makes of settings that it cannot read."""
    exporter = OTLPSpanExporter()
    provider = TracerProvider(resource=_resource(replica), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield OpenTelemetryTracer(provider.get_tracer(NAME))
    finally:
        if not await _stopped(provider):
            exporter.shutdown()  # cuts the call that it waits for


def _resource(replica: str) -> Resource:
    """What the operator says of it wins."""
    said = OTELResourceDetector().detect().attributes
    return Resource.create({SERVICE_NAME: NAME, SERVICE_INSTANCE_ID: replica, **said})


async def _stopped(provider: TracerProvider) -> bool:
    """Whether all was sent in time. The thread is a daemon: it holds up nobody's exit."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=stop, daemon=True).start()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await done.wait()
    except TimeoutError:
        return False
    return True
