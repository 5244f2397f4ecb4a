"""The fixtures are messages that other teams test against: they must parse exactly, and tell one story.

Each file is protojson with proto field names, read without tolerance and printed back unchanged. Together
they follow one run of the outbound pipeline: its version is published, a webhook starts the run, the run
waits for the manager.
"""

import json
from pathlib import Path
from typing import TypeVar

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message import Message
from workflows.v1 import workflows_pb2 as pb

FIXTURES = Path(__file__).parents[2] / "proto/workflows/v1/testdata"
TYPES: dict[str, type[Message]] = {
    "get_run_response": pb.GetRunResponse,
    "handle_trigger_request": pb.HandleTriggerRequest,
    "handle_trigger_response": pb.HandleTriggerResponse,
    "publish_version_response": pb.PublishVersionResponse,
    "run_lifecycle_event_started": pb.WorkflowRunLifecycleEvent,
    "step_lifecycle_event_waiting": pb.WorkflowStepLifecycleEvent,
}
M = TypeVar("M", bound=Message)


def read(name: str, kind: type[M]) -> M:
    return Parse((FIXTURES / f"{name}.json").read_text(), kind())


@pytest.fixture
def published() -> pb.PublishVersionResponse:
    return read("publish_version_response", pb.PublishVersionResponse)


@pytest.fixture
def run() -> pb.WorkflowRun:
    return read("get_run_response", pb.GetRunResponse).run


@pytest.fixture
def request_() -> pb.HandleTriggerRequest:
    return read("handle_trigger_request", pb.HandleTriggerRequest)


@pytest.fixture
def started() -> pb.WorkflowRun:
    (run,) = read("handle_trigger_response", pb.HandleTriggerResponse).started_runs
    return run


def main_steps(version: pb.WorkflowVersion) -> list[pb.StepDefinition]:
    compensations = {step.compensation_step_id for step in version.steps}
    return [step for step in version.steps if step.id not in compensations]


def test_every_fixture_is_looked_at() -> None:
    assert {path.stem for path in FIXTURES.iterdir()} == TYPES.keys()


@pytest.mark.parametrize("name", TYPES)
def test_parses_strictly_and_prints_back_equal(name: str) -> None:
    printed = MessageToDict(read(name, TYPES[name]), preserving_proto_field_name=True)
    assert printed == json.loads((FIXTURES / f"{name}.json").read_text())


def test_version_is_the_definitions_latest(published: pb.PublishVersionResponse) -> None:
    version, definition = published.version, published.definition
    assert (version.definition_id, version.version) == (definition.id, 2)
    assert definition.latest_version == 2


def test_edges_connect_every_step_but_the_compensation(published: pb.PublishVersionResponse) -> None:
    ends = {end for edge in published.version.edges for end in (edge.from_step_id, edge.to_step_id)}
    assert ends == {step.id for step in main_steps(published.version)}
    assert {step.id for step in published.version.steps} - ends == {"notify-outreach-failed"}


def test_branch_sends_large_deals_to_the_manager(published: pb.PublishVersionResponse) -> None:
    edges = [edge for edge in published.version.edges if edge.from_step_id == "route-by-value"]
    assert [(edge.label, edge.condition_expr, edge.to_step_id) for edge in edges] == [
        ("high-value", "deal_value_usd >= 50000", "approve-high-value"),
        ("standard", "deal_value_usd < 50000", "send-outreach"),
    ]


@pytest.mark.parametrize("source", ["run", "started"])
def test_run_has_the_steps_of_its_version(
    source: str, published: pb.PublishVersionResponse, request: pytest.FixtureRequest
) -> None:
    run: pb.WorkflowRun = request.getfixturevalue(source)
    assert (run.definition_id, run.definition_version) == (published.definition.id, published.version.version)
    assert run.workspace_id == published.definition.workspace_id
    assert [(step.step_id, step.step_name, step.step_type) for step in run.steps] == [
        (step.id, step.name, step.step_type) for step in main_steps(published.version)
    ]


def test_costs_add_up(run: pb.WorkflowRun) -> None:
    assert [step.cost_usd for step in run.steps if step.cost_usd] == [0.034, 0.021]
    assert run.total_cost_usd == pytest.approx(sum(step.cost_usd for step in run.steps)) == 0.055


def test_work_steps_hand_down_their_output_and_control_steps_their_input(run: pb.WorkflowRun) -> None:
    research, qualify, check, route, approve = run.steps[:5]
    assert research.input_payload == run.input_payload
    assert qualify.input_payload == research.output_payload
    assert check.input_payload == route.input_payload == approve.input_payload == qualify.output_payload
    assert dict(route.output_payload) == {"selected_edge": "high-value", "deal_value_usd": 85000}


def test_run_waits_for_the_manager(run: pb.WorkflowRun) -> None:
    assert [pb.StepRunState.Name(step.state).removeprefix("STEP_RUN_STATE_") for step in run.steps] == (
        ["COMPLETED"] * 4 + ["WAITING"] + ["PENDING"] * 3
    )
    assert run.steps[4].approval_request_id


def test_trigger_starts_the_run(
    request_: pb.HandleTriggerRequest, started: pb.WorkflowRun, run: pb.WorkflowRun
) -> None:
    for later in (started, run):
        assert later.id == run.id
        assert later.input_payload == request_.input_payload
        for field in (
            "workspace_id",
            "trigger_type",
            "trigger_event_id",
            "initiator_agent_id",
            "entity_id",
            "entity_type",
        ):
            assert getattr(later, field) == getattr(request_, field)


def test_trigger_matches_the_version(request_: pb.HandleTriggerRequest, published: pb.PublishVersionResponse) -> None:
    trigger = published.version.trigger
    for field in ("trigger_type", "tap_provider", "tap_entity_type", "tap_action"):
        assert getattr(trigger, field) == getattr(request_, field)
    assert trigger.filter_expr == "snapshot.lifecycle_stage == 'lead'"
    assert MessageToDict(request_.input_payload)["snapshot"]["lifecycle_stage"] == "lead"


def test_started_event_carries_the_started_run(started: pb.WorkflowRun) -> None:
    event = read("run_lifecycle_event_started", pb.WorkflowRunLifecycleEvent)
    assert (event.operation, event.run) == ("started", started)


def test_waiting_event_carries_the_step_and_its_run(run: pb.WorkflowRun) -> None:
    event = read("step_lifecycle_event_waiting", pb.WorkflowStepLifecycleEvent)
    assert (event.operation, event.step) == ("waiting", run.steps[4])
    assert (event.run_id, event.workflow_state, event.workflow_total_cost_usd) == (
        run.id,
        run.state,
        run.total_cost_usd,
    )
    for field in (
        "definition_id",
        "definition_version",
        "workspace_id",
        "trigger_type",
        "trigger_event_id",
        "entity_id",
    ):
        assert getattr(event, field) == getattr(run, field)
