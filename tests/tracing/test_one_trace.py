"""Spans of a real service: from a request to its end, one trace that hangs together, and nothing of what was said."""

from collections.abc import AsyncIterator
from uuid import uuid4

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Fault, Work, parse_script
from tests.fix_world import PIPELINE
from tests.journey.acting import report
from tests.journey.graphs import ONCE_MORE_SOON, agent, chain, step, task
from tests.journey.triggering import on_event, triggered, until_started
from tests.tracing.recorded import Recorder, id_of, line, parent_of, told
from tests.world import World, struct, world

CALLER = "b7ad6b7169203331"
SECRET = "dana.reyes@northwind.example"
START = "workflows.v1.WorkflowService/StartRun"
CREATE = "objectives.v1.ObjectiveService/Create"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(name="watched")
async def watched_world(database: str, own_nats: EmbeddedNats, recorder: Recorder) -> AsyncIterator[World]:
    async with world(database, own_nats.url, parse_script(PIPELINE), tracer=recorder.tracer) as found:
        yield found


async def started(watched: World, like: pb.PublishVersionRequest, trace_id: str) -> pb.WorkflowRun:
    published = await watched.publish(like)
    request = pb.StartRunRequest(definition_id=published.definition.id, input_payload=struct({"mail": SECRET}))
    metadata = (("traceparent", f"00-{trace_id}-{CALLER}-01"), ("tracestate", "congo=t61"))
    return (await watched.stub.StartRun(request, metadata=metadata)).run


async def test_from_the_request_to_the_last_decision_it_is_one_trace(watched: World, recorder: Recorder) -> None:
    watched.siblings.script.work["traced"] = Work({"mail": SECRET}, cost_usd=0.5)
    trace_id = uuid4().hex
    run = await started(watched, chain(agent("traced", agent_id="agent_sdr")), trace_id)
    changes = await watched.until_told(run.id, "run.completed")
    assert {change.headers["traceparent"][3:35] for change in changes} == {trace_id}
    await recorder.all_ended()
    spans = recorder.of(trace_id)
    known = {id_of(span) for span in spans} | {id_of(span) for span in recorder.spans}
    orphans = [span.name for span in spans if parent_of(span) not in known | {CALLER}]
    assert orphans == []
    assert [parent_of(span) for span in spans if span.name == START] == [CALLER]
    prepared = "effect PrepareObjective", "apply EffectSucceeded"
    assert {tuple(line(spans, span)) for span in spans} >= {
        (START, "apply StartRun"),
        (START, prepared[0], prepared[1]),
        (START, prepared[0], "effect CreateObjective", CREATE),
        (START, prepared[0], "effect CreateObjective", "apply EffectSucceeded"),
    }
    check_the_event(spans)
    check_attributes(recorder, run.id)


def check_the_event(spans: list[ReadableSpan]) -> None:
    """The sibling's word on the bus is of the trace of the call that it came of."""
    [heard] = [span for span in spans if span.name == "event" and told(span)["workflows.fate"] == "FRESH"][:1]
    assert line(spans, heard)[-2] == CREATE
    [done] = [span for span in spans if span.name == "effect Deliver"][:1]
    assert line(spans, done)[-2:] == ["event", "effect Deliver"]


def check_attributes(recorder: Recorder, run_id: str) -> None:
    said = [*(told(span) for span in recorder.spans), *(span.name for span in recorder.spans)]
    assert SECRET not in repr(said)
    applied = [told(span) for span in recorder.spans if span.name.startswith("apply ")]
    assert {about["workflows.run_id"] for about in applied} == {run_id}
    assert all(about["workflows.outcomes"] for about in applied)
    [created] = recorder.named(CREATE)
    assert told(created) == {"workflows.sibling": "objectives"}
    [effect] = recorder.named("effect CreateObjective")
    wanted = {"workflows.step_id": "traced", "workflows.kind": "CreateObjective", "workflows.attempt": 1}
    assert wanted.items() <= told(effect).items()
    published = recorder.named("publish")
    assert sum(int(str(told(span)["workflows.published"])) for span in published) >= 3
    assert any(span.links for span in published)


async def test_a_sibling_that_fails_and_a_timer_are_in_the_trace(watched: World, recorder: Recorder) -> None:
    watched.siblings.script.work["again"] = Work({"ok": True}, failures=1)
    watched.siblings.add_fault(Fault("objectives.Create", "UNAVAILABLE"))
    trace_id = uuid4().hex
    run = await started(watched, chain(agent("again", agent_id="agent_sdr", retry_policy=ONCE_MORE_SOON)), trace_id)
    await watched.until_told(run.id, "run.completed")
    await recorder.all_ended()
    spans = recorder.of(trace_id)
    failed = next(span for span in spans if span.name == CREATE)
    assert (failed.status.status_code, told(failed)["workflows.fault"]) == (StatusCode.ERROR, "TRANSPORT")
    woken = next(span for span in spans if span.name == "apply TimePassed")
    assert line(spans, woken) == [START, "apply TimePassed"]


async def test_an_event_that_starts_a_run_is_its_first_span(watched: World, recorder: Recorder) -> None:
    trace_id, kind = uuid4().hex, f"siphon.tap.watched{uuid4().hex}"
    definition_id = await triggered(watched, on_event(kind), task("sign"))
    event_id = await watched.say(kind, {"mail": SECRET}, traceparent=f"00-{trace_id}-{CALLER}-01")
    [run] = await until_started(watched, definition_id)
    changes = await watched.told(run.id, 2)
    await recorder.all_ended()
    [heard] = [span for span in recorder.of(trace_id) if span.name == "event"]
    assert (parent_of(heard), told(heard)["workflows.event_id"]) == (CALLER, event_id)
    assert {change.headers["traceparent"][36:52] for change in changes} == {id_of(heard)}
    assert SECRET not in repr([told(span) for span in recorder.spans])


async def test_a_call_without_a_trace_begins_one_and_a_refused_one_is_no_error(
    watched: World, recorder: Recorder
) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await watched.stub.GetRun(pb.GetRunRequest(id="wfr_unknown"))
    with pytest.raises(grpc.aio.AioRpcError):
        await watched.stub.StartRun(pb.StartRunRequest())
    await recorder.all_ended()
    [missing] = recorder.named("workflows.v1.WorkflowService/GetRun")
    [refused] = recorder.named(START)
    for span, code in ((missing, 5), (refused, 3)):
        assert (span.parent, span.status.status_code) == (None, StatusCode.UNSET)
        assert told(span)["rpc.grpc.status_code"] == code
        assert told(span)["rpc.system"] == "grpc"


async def test_commands_that_are_folded_keep_traces_of_their_own(watched: World, recorder: Recorder) -> None:
    wait = step("wait", "WAIT_FOR_EVENT", event_type_pattern="never.said")
    published = await watched.publish(chain(task("one"), wait))
    run = await watched.start(published.definition.id)
    await report(watched, run.id, "one", "COMPLETED")
    changes = await watched.told(run.id, 4)
    parents = {change.headers["traceparent"] for change in changes}
    await recorder.all_ended()
    [start], [moved] = recorder.named(START), recorder.named("workflows.v1.WorkflowService/TransitionStep")
    assert {parent[36:52] for parent in parents} == {id_of(start), id_of(moved)}
