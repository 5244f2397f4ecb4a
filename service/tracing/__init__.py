"""Traces through OpenTelemetry, for those who installed it (`pip install workflows-service[tracing]`) and set it up.

OpenTelemetry is imported when it is wanted and nowhere else. The settings are its own (`OTEL_*`, see docs/tracing.md)
and TRACING, which says whether they count. Whatever is wrong with tracing is one line in the log: the service starts
and works without it. Called by wiring, once per process.
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from service.config import Config
from service.engine.tracing import UNTRACED, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

log = logging.getLogger(__name__)


def wanted(config: Config, environ: Mapping[str, str]) -> bool:
    """Whether spans are to be recorded: where there is an address to send them to, unless TRACING decides."""
    if config.tracing != "auto":
        return config.tracing == "yes"
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


@asynccontextmanager
async def tracing(config: Config, replica: str, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Tracer]:
    """A tracer for as long as the service runs; what is left to send afterwards has two seconds."""
    async with AsyncExitStack() as stack:
        yield await _begun(replica, stack) if wanted(config, environ) else UNTRACED


async def _begun(replica: str, stack: AsyncExitStack) -> Tracer:
    try:
        from service.tracing.sending import sending

        return await stack.enter_async_context(sending(replica))
    except ImportError:
        log.warning("tracing is wanted but not installed (pip install 'workflows-service[tracing]'): no spans are sent")
    except Exception as error:  # whatever OpenTelemetry makes of its settings
        log.warning("tracing is wanted but cannot begin, no spans are sent: %s", " ".join(str(error).split()))
    return UNTRACED
