"""Whether spans are sent, where to, and that nothing of it can stop the service: not missing, not misread, not deaf."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from workflows.v1 import workflows_pb2 as pb

from service import tracing
from service.config import Config, ConfigError
from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from service.engine.tracing import UNTRACED
from tests.journey.graphs import chain, task
from tests.world import PATIENCE_SECONDS, world

REQUIRED = {"DATABASE_URL": "postgresql://", "NATS_URL": "nats://"}
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
CAUSE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def config(tracing: str = "auto") -> Config:
    return Config.read({**REQUIRED, "TRACING": tracing})


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans in like those of the operators, unless it is deaf."""

    def __init__(self) -> None:
        self.taken: list[ResourceSpans] = []
        self.deaf = False
        self.asked = asyncio.Event()

    async def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.asked.set()
        if self.deaf:
            await asyncio.Event().wait()
        self.taken += request.resource_spans
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    server, found = grpc.aio.server(), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(found, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")
    monkeypatch.setattr("service.tracing.sending.STOP_SECONDS", PATIENCE_SECONDS)
    yield found
    await server.stop(None)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra: whoever imports OpenTelemetry gets an ImportError."""
    for name in [name for name in sys.modules if name.startswith(("opentelemetry", "service.tracing."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


@pytest.mark.parametrize(
    ("setting", "environ", "wanted"),
    [
        ("auto", {}, False),
        ("auto", {ENDPOINT: "http://collector:4317"}, True),
        ("auto", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4317"}, True),
        ("auto", {ENDPOINT: "http://collector:4317", "OTEL_SDK_DISABLED": "true"}, False),
        ("auto", {ENDPOINT: "http://collector:4317", "OTEL_TRACES_EXPORTER": "none"}, False),
        ("yes", {}, True),
        ("no", {ENDPOINT: "http://collector:4317"}, False),
    ],
)
def test_spans_are_sent_where_there_is_an_address_or_the_setting_says_so(
    setting: str, environ: Mapping[str, str], wanted: bool
) -> None:
    assert tracing.wanted(config(setting), environ) is wanted


def test_the_setting_is_one_of_three() -> None:
    with pytest.raises(ConfigError, match="TRACING"):
        config("perhaps")


async def test_spans_reach_the_collector_before_the_service_is_gone(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    async with tracing.tracing(config(), "replica-1") as tracer:
        with tracer.span("one", CAUSE):
            pass
    [sent] = collector.taken
    about = {item.key: item.value.string_value for item in sent.resource.attributes}
    assert about["service.name"] == "workflows"
    assert (about["service.instance.id"], about["deployment.environment.name"]) == ("replica-1", "test")
    [span] = sent.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("one", CAUSE[3:35], CAUSE[36:52])


async def test_the_operators_name_for_the_service_wins(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "workflows-eu")
    async with tracing.tracing(config(), "replica-1") as tracer:
        with tracer.span("one", ""):
            pass
    about = {item.key: item.value.string_value for item in collector.taken[0].resource.attributes}
    assert about["service.name"] == "workflows-eu"


async def test_a_deaf_collector_holds_up_the_end_for_two_seconds_at_most(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry itself would wait for half a minute."""
    monkeypatch.setattr("service.tracing.sending.STOP_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", f"{10 * PATIENCE_SECONDS:.0f}")
    collector.deaf = True
    async with asyncio.timeout(20), tracing.tracing(config(), "replica-1") as tracer:
        with tracer.span("one", ""):
            pass
        await collector.asked.wait()


async def test_settings_that_cannot_be_read_are_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
    async with tracing.tracing(config("yes"), "replica-1") as tracer:
        assert tracer is UNTRACED
    assert [record.message for record in caplog.records if record.name == "service.tracing"] == [
        "tracing is wanted but cannot begin, no spans are sent: could not convert string to float: 'soon'"
    ]


@pytest.mark.usefixtures("not_installed")
async def test_without_the_extra_the_service_works_and_the_trace_goes_through(
    database: str, own_nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "service.tracing"):
        async with world(database, own_nats.url, Script(), {"TRACING": "yes"}) as found:
            published = await found.publish(chain(task("sign")))
            request = pb.StartRunRequest(definition_id=published.definition.id)
            run = (await found.stub.StartRun(request, metadata=(("traceparent", CAUSE),))).run
            changes = await found.told(run.id, 2)
    assert {change.headers["traceparent"] for change in changes} == {CAUSE}
    assert [record.message for record in caplog.records if record.name == "service.tracing"] == [
        "tracing is wanted but not installed (pip install 'workflows-service[tracing]'): no spans are sent"
    ]


def test_nothing_of_opentelemetry_is_imported_where_it_is_not_wanted() -> None:
    told = "import sys, service.wiring, service.cli; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout == "[]\n"
