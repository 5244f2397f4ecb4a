"""A published change as a raw NATS consumer sees it, as a CloudEvents consumer sees it, and what goes wrong."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from nats.aio.msg import Msg

from service.bus.bodies import rfc3339
from service.bus.connection import Connection
from service.bus.incoming import parse
from service.bus.outgoing import Publisher, subject_of
from service.bus.streams import CHANGES_STREAM, ensure_changes_stream
from service.dev.nats import EmbeddedNats
from service.engine.ports.failures import BusUnavailable
from service.engine.ports.outbox import Unpublished
from tests.bus.changes import NOON, change, step
from tests.bus.helpers import PATIENCE_SECONDS, connected


@pytest.fixture
async def bus(own_nats: EmbeddedNats) -> AsyncIterator[Connection]:
    """A server of each test's own: a stream deleted and made again may still hand out what it held before."""
    async with connected(own_nats) as connection:
        yield connection


async def _published(bus: Connection, *changes: Unpublished) -> list[Msg]:
    """The changes as they arrive at somebody who subscribed to all of them."""
    await ensure_changes_stream(bus)
    reader = await bus.jetstream.subscribe("workflows.changes.>", ordered_consumer=True)
    publisher = Publisher(bus)
    for one in changes:
        await publisher.publish(one)
    messages = [await reader.next_msg(timeout=PATIENCE_SECONDS) for _ in changes]
    await reader.unsubscribe()
    return messages


async def test_the_raw_message(bus: Connection) -> None:
    (message,) = await _published(bus, change())
    assert message.subject == "workflows.changes.step.completed"
    assert message.headers == {
        "ce-specversion": "1.0",
        "ce-id": "wfr_1.3",
        "ce-type": "workflows.changes.step.completed",
        "ce-source": "workflows",
        "ce-subject": "wfr_1",
        "ce-time": "2026-11-03T12:00:00.250Z",
        "ce-tenantid": "ws_acme",
        "ce-dataschema": "buf.build/evalops/proto/workflows.v1.WorkflowStepLifecycleEvent",
        "ce-sequence": "3",
        "ce-actor": "agent:sdr",
        "ce-causationid": "rpc:42",
        "ce-causechain": "wf_1",
        "content-type": "application/json",
        "Nats-Msg-Id": "wfr_1.3",
    }
    assert json.loads(message.data) == {
        "@type": "type.googleapis.com/workflows.v1.WorkflowStepLifecycleEvent",
        "run_id": "wfr_1",
        "definition_id": "wf_1",
        "definition_version": 2,
        "workspace_id": "ws_acme",
        "trigger_type": "TRIGGER_TYPE_MANUAL",
        "workflow_state": "WORKFLOW_STATE_RUNNING",
        "workflow_total_cost_usd": 0.034,
        "step": {
            "step_id": "research",
            "step_type": "STEP_TYPE_AGENT_ACTION",
            "state": "STEP_RUN_STATE_COMPLETED",
            "cost_usd": 0.034,
        },
        "operation": "completed",
        "recorded_at": "2026-11-03T12:00:00.250Z",
    }


async def test_a_cloudevents_consumer_reads_it(bus: Connection) -> None:
    header = {"definition_id": "wf_3", "trigger_type": "WORKFLOW", "chain": ["wf_1", "wf_2"]}
    odd = change(actor='user:"Jörg 100%"\r\nce-id: x', cause="", header=header)
    (message,) = await _published(bus, odd)
    assert message.headers
    event = from_binary(HTTPMessage(message.headers, message.data), JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_subject()) == ("wfr_1.3", "workflows", "wfr_1")
    assert event.get_type() == message.subject
    assert event.get_time() == NOON
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("actor") == 'user:"Jörg 100%"\r\nce-id: x'
    assert event.get_extension("causechain") == "wf_1,wf_2,wf_3"
    assert event.get_extension("tenantid") == "ws_acme"
    assert event.get_extension("causationid") is None


async def test_our_own_reader_reads_it(bus: Connection) -> None:
    definition = change(aggregate="definition", operation="create", data={"name": "Outbound"}, stream="wf_1", header={})
    (message,) = await _published(bus, definition)
    assert "ce-causechain" not in (message.headers or {})
    event = parse(message.subject, message.headers or {}, message.data)
    assert (event.id, event.subject, event.tenant) == ("wf_1.3", "wf_1", "ws_acme")
    assert event.payload == {"name": "Outbound"}
    assert event.time == NOON


async def test_a_truncated_event_says_so(bus: Connection) -> None:
    huge = step("a", output_payload={"text": "x" * 1_000_000})
    (message,) = await _published(bus, change(data={"step": huge, "workflow_state": "RUNNING"}))
    assert message.headers
    assert message.headers["ce-truncated"] == "true"


async def test_a_stream_of_small_messages_holds_back_no_run(bus: Connection, no_changes_stream: None) -> None:
    await bus.jetstream.add_stream(name=CHANGES_STREAM, subjects=["workflows.changes.>"], max_msg_size=20_000)
    publisher = Publisher(bus)
    publisher.stream.trust(await publisher.stream.look())
    large = step("a", output_payload={"text": "x" * 30_000})
    await publisher.publish(change(data={"step": large, "workflow_state": "RUNNING"}))
    kept = await bus.jetstream.get_last_msg(CHANGES_STREAM, "workflows.changes.>")
    assert kept.headers
    assert kept.headers["ce-truncated"] == "true"


@pytest.mark.parametrize(("drained", "header"), [(True, "true"), (False, "false")])
async def test_a_paused_run_says_whether_it_is_drained(bus: Connection, drained: bool, header: str) -> None:
    paused = {"run": {"state": "PAUSED"}, "steps": [], "drained": drained}
    (message,) = await _published(bus, change(aggregate="run", operation="pause", data=paused))
    assert message.headers
    assert message.headers["ce-drained"] == header


async def test_published_twice_is_one_event(bus: Connection) -> None:
    await _published(bus, change())
    await Publisher(bus).publish(change())
    await Publisher(bus).publish(change(sequence=4))
    info = await bus.jetstream.stream_info(CHANGES_STREAM)
    assert info.state.messages == 2


async def test_without_a_connection_it_says_so_at_once(own_nats: EmbeddedNats) -> None:
    async with connected(own_nats) as bus:
        own_nats.kill()
        with pytest.raises(BusUnavailable):
            await Publisher(bus, ack_seconds=0.5).publish(change())


async def test_without_an_ack_it_gives_up_in_time(bus: Connection) -> None:
    deaf = await bus.client.subscribe("workflows.changes.>")
    with pytest.raises(BusUnavailable, match=r"wfr_1\.3"):
        await Publisher(bus, ack_seconds=0.05).publish(change())
    await deaf.unsubscribe()


@pytest.mark.parametrize("operation", ["", "a.b", "*", ">", "a b", "a\r\nPUB x"])
def test_a_subject_is_made_of_tokens(operation: str) -> None:
    with pytest.raises(ValueError, match="token"):
        subject_of(change(operation=operation))


def test_times_are_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 1, 1, 0, tzinfo=east)) == "2025-12-31T23:00:00Z"
    assert rfc3339(datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000001Z"
