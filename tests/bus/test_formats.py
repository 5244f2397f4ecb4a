"""Every form of a published change, read by those it is for and by ourselves."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.v1.http import from_json
from events.v1.cloudevent_pb2 import CloudEvent
from google.protobuf import json_format
from hypothesis import given
from nats.aio.msg import Msg
from workflows.v1.workflows_pb2 import WorkflowStepLifecycleEvent

from service.bus import bodies
from service.bus.connection import Connection
from service.bus.formats import FORMATS, Outgoing
from service.bus.incoming import parse
from service.bus.outgoing import Publisher, attributes_of, subject_of
from service.bus.streams import CHANGES_STREAM, ensure_changes_stream
from service.config import Config, ConfigError
from service.dev.nats import EmbeddedNats
from service.domain.bus_event import BusEvent
from service.engine.ports.outbox import Unpublished
from tests.bus.changes import NOON, change, record_changes, run_changes, step_changes
from tests.bus.helpers import PATIENCE_SECONDS, connected

PARENT, STATE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "congo=t61 rcWk,rojo=00%f"
TRACE = {"traceparent": PARENT, "tracestate": STATE}
CHAINED = change(
    header={"definition_id": "wf_2", "trigger_type": "WORKFLOW", "chain": ["wf_1"]}, trace=f"{PARENT} {STATE}"
)
EXTENSIONS = {
    **TRACE,
    "sequence": "3",
    "actor": "agent:sdr",
    "causationid": "rpc:42",
    "causechain": "wf_1,wf_2",
    "dataschema": "buf.build/evalops/proto/workflows.v1.WorkflowStepLifecycleEvent",
}
TRANSPORT = {"Nats-Msg-Id": "wfr_1.3", **TRACE}


def _written(form: str, of: Unpublished = CHAINED) -> Outgoing:
    body = bodies.write(of)
    return FORMATS[form](attributes_of(of, body), body.data)


def _heard(form: str, of: Unpublished) -> BusEvent:
    return parse(subject_of(of), *_written(form, of))


@given(run_changes | step_changes | record_changes)
def test_we_read_the_same_event_in_every_form(of: Unpublished) -> None:
    first, *others = [_heard(form, of) for form in FORMATS]
    assert first.id == f"{of.stream}.{of.sequence}"
    assert (first.tenant, first.subject, first.time) == (of.workspace_id, of.stream, of.recorded_at)
    assert all(other == first for other in others)


@pytest.mark.parametrize("form", FORMATS)
def test_the_definitions_on_the_way_are_in_every_form(form: str) -> None:
    assert _heard(form, CHAINED).chain == ("wf_1", "wf_2")


@pytest.mark.parametrize("form", FORMATS)
def test_the_trace_is_in_every_form_and_on_the_message(form: str) -> None:
    headers, data = _written(form)
    assert _heard(form, CHAINED).trace == CHAINED.trace
    assert {name: headers[name] for name in TRACE} == TRACE
    without = {name: value for name, value in headers.items() if name not in TRACE}
    assert parse(subject_of(CHAINED), without, data).trace == CHAINED.trace
    assert not any("trace" in name for name in _written(form, change()).headers)
    assert b"trace" not in _written(form, change()).data


def test_headers_are_read_by_the_sdk() -> None:
    event = from_binary(HTTPMessage(*_written("headers")), JSONFormat())
    assert (event.get_id(), event.get_subject(), event.get_time()) == ("wfr_1.3", "wfr_1", NOON)
    assert event.get_extension("tenantid") == "ws_acme"
    assert {name: event.get_extension(name) for name in TRACE} == TRACE
    assert json.loads(bodies.write(CHAINED).data) == event.get_data()


def test_one_json_object_is_read_by_the_sdk() -> None:
    headers, data = _written("structured")
    assert headers == {"content-type": "application/cloudevents+json", **TRANSPORT}
    event: Any = from_json(data)
    assert {name: event[name] for name in EXTENSIONS} == EXTENSIONS
    assert (event["specversion"], event["id"], event["source"]) == ("1.0", "wfr_1.3", "workflows")
    assert (event["type"], event["subject"]) == ("workflows.changes.step.completed", "wfr_1")
    assert (event["tenant_id"], event["datacontenttype"]) == ("ws_acme", "application/json")
    assert event["time"] == "2026-11-03T12:00:00.250Z"
    assert event.data == json.loads(bodies.write(CHAINED).data)


def test_the_typed_envelope_reads_its_json() -> None:
    headers, data = _written("protojson")
    assert headers == {"content-type": "application/json", **TRANSPORT}
    assert json.loads(data)["data"]["@type"] == "type.googleapis.com/workflows.v1.WorkflowStepLifecycleEvent"
    _is_the_change(json_format.Parse(data, CloudEvent()))


def test_the_typed_envelope_reads_its_bytes() -> None:
    headers, data = _written("proto")
    assert headers == {"content-type": "application/protobuf", **TRANSPORT}
    _is_the_change(CloudEvent.FromString(data))


def _is_the_change(event: CloudEvent) -> None:
    assert (event.spec_version, event.id, event.type) == ("1.0", "wfr_1.3", "workflows.changes.step.completed")
    assert (event.source, event.subject, event.tenant_id) == ("workflows", "wfr_1", "ws_acme")
    assert event.time.ToJsonString() == "2026-11-03T12:00:00.250Z"
    assert event.data_content_type == "application/protobuf"
    assert {name: value.string_value for name, value in event.extensions.items()} == EXTENSIONS
    assert event.data.Is(WorkflowStepLifecycleEvent.DESCRIPTOR)
    said = json_format.MessageToDict(event.data, preserving_proto_field_name=True)
    assert said == json.loads(bodies.write(CHAINED).data)


@pytest.fixture
async def bus(own_nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with connected(own_nats) as connection:
        yield connection


async def test_an_event_repeated_in_another_form_is_a_repetition(bus: Connection) -> None:
    await ensure_changes_stream(bus)
    for form in FORMATS:
        await Publisher(bus, form=form).publish(CHAINED)
    assert (await bus.jetstream.stream_info(CHANGES_STREAM)).state.messages == 1


@pytest.mark.parametrize("form", FORMATS)
async def test_what_was_published_is_what_is_heard(bus: Connection, form: str) -> None:
    await ensure_changes_stream(bus)
    reader = await bus.jetstream.subscribe("workflows.changes.>", ordered_consumer=True)
    await Publisher(bus, form=form).publish(CHAINED)
    arrived: Msg = await reader.next_msg(timeout=PATIENCE_SECONDS)
    await reader.unsubscribe()
    assert parse(arrived.subject, arrived.headers or {}, arrived.data) == _heard("headers", CHAINED)


def test_the_form_is_a_setting() -> None:
    required = {"DATABASE_URL": "postgresql://", "NATS_URL": "nats://"}
    assert Config.read(required).format == "headers"
    for form in FORMATS:
        assert Config.read({**required, "NATS_FORMAT": form}).format == form
    with pytest.raises(ConfigError, match="NATS_FORMAT"):
        Config.read({**required, "NATS_FORMAT": "avro"})
