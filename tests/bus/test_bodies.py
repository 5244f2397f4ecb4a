"""The hand-written JSON is protobuf's own, for whatever a row may hold; and a large one loses payloads first."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from hypothesis import given
from workflows.v1 import workflows_pb2 as wire

from service.bus import bodies
from service.engine.ports.outbox import Unpublished
from tests.bus.changes import change, message, record_changes, run_changes, step, step_changes


def _protojson(typed: Message) -> dict[str, Any]:
    packed = AnyMessage()
    packed.Pack(typed)
    return json_format.MessageToDict(packed, preserving_proto_field_name=True)


@given(run_changes | step_changes | record_changes)
def test_a_body_is_the_protojson_of_its_message(of: Unpublished) -> None:
    body = bodies.write(of)
    typed = message(of)
    assert json.loads(body.data) == _protojson(typed)
    assert body.data.startswith(b'{"@type":')
    assert body.message == typed.DESCRIPTOR.full_name
    assert not body.truncated


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (wire.StepRun, bodies._STEP),
        (wire.WorkflowRun, bodies._RUN),
        (wire.WorkflowRunLifecycleEvent, bodies._RUN_EVENT),
        (wire.WorkflowStepLifecycleEvent, bodies._STEP_EVENT),
    ],
)
def test_the_tables_name_every_field(kind: type[Message], fields: bodies.Fields) -> None:
    assert set(fields) == set(kind.DESCRIPTOR.fields_by_name)


def _run_of(*rows: dict[str, Any], **run: Any) -> Unpublished:
    return change(aggregate="run", data={"run": {"state": "RUNNING", **run}, "steps": list(rows)})


def _payload(size: int) -> dict[str, str]:
    return {"text": "x" * size}


def _read(body: bodies.Body) -> wire.WorkflowRunLifecycleEvent:
    packed = json_format.Parse(body.data, AnyMessage())
    event = wire.WorkflowRunLifecycleEvent()
    assert packed.Unpack(event)
    return event


def test_a_large_body_drops_the_largest_step_payloads_and_no_more() -> None:
    small, middle, large = (_payload(size * 1024) for size in (200, 300, 450))
    of = _run_of(step("a", output_payload=middle), step("b", input_payload=small, output_payload=large))
    body = bodies.write(of)
    a, b = _read(body).run.steps
    assert body.truncated
    assert len(body.data) <= bodies.MAX_BYTES
    assert (a.HasField("output_payload"), b.HasField("input_payload"), b.HasField("output_payload")) == (1, 1, 0)


def test_the_runs_own_payloads_go_last() -> None:
    half = _payload(500 * 1024)
    body = bodies.write(_run_of(step("a", output_payload=_payload(10)), input_payload=half, output_payload=half))
    run = _read(body).run
    assert body.truncated
    assert len(body.data) <= bodies.MAX_BYTES
    assert not run.steps[0].HasField("output_payload")
    assert [run.HasField("input_payload"), run.HasField("output_payload")].count(True) == 1


def test_whatever_is_said_of_errors_a_body_fits() -> None:
    """Each error is as long as the bus takes one; as JSON they are many times the limit."""
    steps = [step(f"s{number}", error_message="\x01" * 60_000) for number in range(40)]
    body = bodies.write(_run_of(*steps))
    assert len(body.data) <= bodies.MAX_BYTES
    assert len(_read(body).run.steps) == 40


def test_a_large_step_event_says_what_it_can() -> None:
    huge = step("research", output_payload=_payload(1024 * 1024))
    body = bodies.write(change(data={"step": huge, "workflow_state": "RUNNING", "workflow_total_cost_usd": 0}))
    assert body.truncated
    assert json.loads(body.data)["step"] == {
        "step_id": "research",
        "step_type": "STEP_TYPE_AGENT_ACTION",
        "state": "STEP_RUN_STATE_COMPLETED",
        "cost_usd": 0.034,
    }
