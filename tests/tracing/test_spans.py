"""What the engine says of a span, and what OpenTelemetry makes of it."""

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from service.domain.errors import not_found
from service.engine.tracing import UNTRACED, SpanRole
from service.tracing.spans import MAX_LINKS, OpenTelemetryTracer
from tests.tracing.recorded import Recorder, id_of, parent_of, told, trace_id_of

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CAUSE = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_span_goes_on_with_the_trace_of_its_cause() -> None:
    recorder = Recorder()
    with recorder.tracer.span("one", f"{CAUSE} a=1", SpanRole.CLIENT, run_id="wfr_1", tries=2) as span:
        assert span.recording
    [kept] = recorder.spans
    assert (trace_id_of(kept), parent_of(kept), kept.kind) == (TRACE_ID, SPAN_ID, SpanKind.CLIENT)
    assert span.trace == f"00-{TRACE_ID}-{id_of(kept)}-01 a=1"
    assert told(kept) == {"workflows.run_id": "wfr_1", "workflows.tries": 2}


def test_a_span_without_a_cause_is_the_first_of_a_trace_whatever_is_current() -> None:
    recorder = Recorder()
    current = otel.NonRecordingSpan(otel.SpanContext(1, 1, True))
    with otel.use_span(current), recorder.tracer.span("first", "") as span:
        pass
    [kept] = recorder.spans
    assert (kept.parent, span.trace[3:35]) == (None, trace_id_of(kept))
    assert trace_id_of(kept) != f"{1:032x}"


def test_links_are_other_traces_each_once_and_not_too_many() -> None:
    recorder = Recorder()
    others = [f"00-{number:032x}-{SPAN_ID}-01" for number in range(1, 1000)]
    with recorder.tracer.span("many", CAUSE, links=["", CAUSE, *others, *others]):
        pass
    [kept] = recorder.spans
    assert [f"{link.context.trace_id:032x}" for link in kept.links] == [other[3:35] for other in others[:MAX_LINKS]]


@pytest.mark.parametrize(
    ("error", "reason"), [(not_found("run", "secret"), "run_not_found"), (ValueError("secret"), "ValueError")]
)
def test_an_error_marks_a_span_by_its_reason_and_never_by_its_words(error: Exception, reason: str) -> None:
    recorder = Recorder()
    with pytest.raises(type(error)), recorder.tracer.span("fails", ""):
        raise error
    [kept] = recorder.spans
    assert (kept.status.status_code, kept.status.description) == (StatusCode.ERROR, reason)
    assert not kept.events


def test_a_servers_span_fails_only_when_it_is_told() -> None:
    recorder = Recorder()
    span = recorder.tracer.span("serves", "", SpanRole.SERVER, rpc_system="grpc")
    span.tell(grpc_status=3)
    with pytest.raises(ValueError, match="bad"), span:
        raise ValueError("bad")
    [kept] = recorder.spans
    assert kept.status.status_code is StatusCode.UNSET
    assert told(kept) == {"rpc.system": "grpc", "rpc.grpc.status_code": 3}


def test_a_trace_that_is_not_sampled_goes_on_unsampled() -> None:
    tracer = OpenTelemetryTracer(TracerProvider(sampler=ParentBased(ALWAYS_OFF)).get_tracer("tests"))
    with tracer.span("unseen", f"00-{TRACE_ID}-{SPAN_ID}-00") as span:
        assert not span.recording
    assert (span.trace[3:35], span.trace[-2:]) == (TRACE_ID, "00")


def test_where_nobody_records_the_trace_is_handed_on_as_it_came() -> None:
    with UNTRACED.span("nothing", CAUSE, links=[CAUSE], run_id="wfr_1") as span:
        span.tell(run_id="wfr_1")
        span.note("something")
        span.fail("bad")
    assert (span.trace, span.recording) == (CAUSE, False)
