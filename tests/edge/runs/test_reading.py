"""The RPCs that ask about runs: what is asked of the service, what comes back, and every bad request."""

from datetime import timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import runs_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.picture import Format
from service.domain.run_search import FoundRun, FoundRuns, RunSearch
from service.domain.state import RunState, StepState, changed
from tests.edge.edge import Edge, refused
from tests.edge.fake_inquiries import paused
from tests.edge.fakes import NOW
from tests.edge.runs.test_watching import received
from tests.edge.workflows.test_bad_input import LONG

AT = "2026-11-21T02:30:00.123456Z"
OF_RUN: dict[str, type[Message]] = {
    "ExplainRun": ops.ExplainRunRequest,
    "ListRunEvents": ops.ListRunEventsRequest,
    "WatchRun": ops.WatchRunRequest,
    "GetRunGraph": ops.GetRunGraphRequest,
}


def moment(seconds: float = 0) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(NOW + timedelta(seconds=seconds))
    return made


def call(edge: Edge, rpc: str, request: Message) -> Any:
    made = getattr(edge.run_stub, rpc)(request)
    return received(made) if rpc == "WatchRun" else made


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_an_explanation_says_everything(edge: Edge) -> None:
    answer = await edge.run_stub.ExplainRun(ops.ExplainRunRequest(run_id="wfr_1"))
    assert edge.inquiries.asked == [("wfr_1", None)]
    assert MessageToDict(answer, preserving_proto_field_name=True) == {
        "run_id": "wfr_1",
        "state": "WORKFLOW_STATE_PAUSED",
        "summary": "paused by user:ann",
        "drained": True,
        "pauses": [{"source": "caller", "by": "user:ann", "reason": "lunch", "at": AT}],
        "deadline_at": AT,
        "steps": [
            {
                "step_id": "one",
                "state": "STEP_RUN_STATE_RUNNING",
                "since": AT,
                "waits": [
                    {
                        "kind": "objective",
                        "what": "objective obj_1",
                        "until": AT,
                        "unblock": "it ends",
                        "details": {"objective_id": "obj_1", "tries": 2.0},
                    },
                    {"kind": "timeout", "what": "the attempt's timeout", "unblock": "the clock"},
                ],
            }
        ],
        "owed": [
            {
                "step_id": "one",
                "kind": "GetObjective",
                "tries": 3,
                "last_error": "unavailable: nobody there",
                "due_at": AT,
            }
        ],
    }


async def test_a_history_has_events_and_audits(edge: Edge) -> None:
    request = ops.ListRunEventsRequest(run_id="wfr_1", after_sequence=3, after_audit=2**40, limit=900)
    answer = await edge.run_stub.ListRunEvents(request)
    assert edge.inquiries.asked == [("wfr_1", 3, 2**40, 500, None)]
    assert [event.sequence for event in answer.events] == [1, 2]
    first = {"sequence": 1, "aggregate": "step", "operation": "completed", "step_id": "one", "actor": "user:ann"}
    first |= {"cause": "rpc:1", "recorded_at": AT, "published_at": AT}
    assert MessageToDict(answer.events[0], preserving_proto_field_name=True) == first
    assert not answer.events[1].HasField("published_at")
    assert MessageToDict(answer.audits[0], preserving_proto_field_name=True) == {
        "id": "7",
        "step_id": "one",
        "command": "TransitionStep",
        "reason": "no_match",
        "message": "not this one",
        "actor": "agent:a",
        "cause": "rpc:1",
        "at": AT,
    }


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (ops.RUN_GRAPH_FORMAT_UNSPECIFIED, Format.MERMAID),
        (ops.RUN_GRAPH_FORMAT_MERMAID, Format.MERMAID),
        (ops.RUN_GRAPH_FORMAT_DOT, Format.DOT),
        (ops.RUN_GRAPH_FORMAT_SVG, Format.SVG),
    ],
)
async def test_a_graph_comes_in_the_format_asked_for(edge: Edge, number: Any, wanted: Format) -> None:
    answer = await edge.run_stub.GetRunGraph(ops.GetRunGraphRequest(run_id="wfr_1", format=number))
    assert answer.text == "flowchart TD\n"
    assert edge.inquiries.asked == [("wfr_1", wanted, None)]


# --- searching -------------------------------------------------------------------------------------------------------


async def test_every_filter_of_a_search_arrives(edge: Edge) -> None:
    ids = ("definition_id", "entity_id", "entity_type", "initiator_agent_id", "initiator_user_id", "parent_run_id")
    named = {field: field for field in (*ids, "failure_reason", "tag", "step_id")}
    request = ops.SearchRunsRequest(
        workspace_id="acme",
        definition_version=3,
        states=[pb.WORKFLOW_STATE_RUNNING, pb.WORKFLOW_STATE_FAILED],
        started_from=moment(),
        started_before=moment(60),
        step_state=pb.STEP_RUN_STATE_PENDING,
        page_size=7,
        **named,
    )
    await edge.run_stub.SearchRuns(request)
    wanted = RunSearch(
        "acme",
        definition_version=3,
        states=(RunState.RUNNING, RunState.FAILED),
        started_from=NOW,
        started_before=NOW + timedelta(seconds=60),
        step_states=(StepState.PENDING,),
        **named,
    )
    assert edge.inquiries.asked == [(wanted, 7)]


async def test_a_search_without_filters_matches_everything(edge: Edge) -> None:
    await edge.run_stub.SearchRuns(ops.SearchRunsRequest())
    await edge.run_stub.SearchRuns(ops.SearchRunsRequest(page_size=2**31 - 1))
    assert edge.inquiries.asked == [(RunSearch(None), 50), (RunSearch(None), 500)]


async def test_a_step_without_a_state_is_an_open_one(edge: Edge) -> None:
    await edge.run_stub.SearchRuns(ops.SearchRunsRequest(step_id="sign"))
    ((wanted, _),) = edge.inquiries.asked
    assert wanted.step_states == (StepState.RUNNING, StepState.WAITING)


async def test_a_found_run_says_why_it_fails_and_where_it_stands(edge: Edge) -> None:
    failing = changed(paused(), failure_reason="timed_out", failure_message="too late")
    edge.inquiries.found = FoundRuns([FoundRun(failing, ("one", "two"))], more=False)
    answer = await edge.run_stub.SearchRuns(ops.SearchRunsRequest())
    (found,) = answer.runs
    assert (found.run.id, found.run.state, len(found.run.steps)) == ("wfr_1", pb.WORKFLOW_STATE_PAUSED, 0)
    assert (found.failure_reason, found.failure_message) == ("timed_out", "too late")
    assert list(found.open_step_ids) == ["one", "two"]
    assert answer.next_page_token == ""


async def test_a_page_leads_to_the_next(edge: Edge) -> None:
    edge.inquiries.found = FoundRuns(edge.inquiries.found.runs, more=True)
    answer = await edge.run_stub.SearchRuns(ops.SearchRunsRequest())
    assert "wfr_1" not in answer.next_page_token
    await edge.run_stub.SearchRuns(ops.SearchRunsRequest(page_token=answer.next_page_token))
    assert [wanted.before_id for wanted, _ in edge.inquiries.asked] == ["", "wfr_1"]


# --- bad input -------------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    rpc: str
    request: Message
    field: str
    reason: str


def search(field: str, reason: str, **fields: Any) -> Bad:
    return Bad("SearchRuns", ops.SearchRunsRequest(**fields), field, reason)


def of_run(rpc: str, field: str, value: Any, reason: str) -> Bad:
    return Bad(rpc, OF_RUN[rpc](**{"run_id": "wfr_1", field: value}), field, reason)


UNKNOWN: Any = 99
BAD_IDS = [(LONG, "too_long"), ("a\0", "nul_character"), (" ", "blank")]
IDS = (
    "workspace_id",
    "definition_id",
    "entity_id",
    "entity_type",
    "initiator_agent_id",
    "initiator_user_id",
    "parent_run_id",
    "failure_reason",
    "step_id",
    "tag",
)
TABLE = [
    *(of_run(rpc, "run_id", value, why) for rpc in OF_RUN for value, why in [*BAD_IDS[:2], ("", "required")]),
    *(search(field, why, **{field: value}) for field in IDS for value, why in BAD_IDS),
    of_run("ListRunEvents", "after_sequence", -1, "negative"),
    of_run("ListRunEvents", "after_audit", -1, "negative"),
    of_run("ListRunEvents", "limit", -1, "negative"),
    of_run("WatchRun", "after_sequence", -1, "negative"),
    of_run("GetRunGraph", "format", UNKNOWN, "unknown_enum_value"),
    search("definition_version", "negative", definition_version=-1),
    search("states[1]", "unknown_enum_value", states=[1, UNKNOWN]),
    search("states[0]", "required", states=[0]),
    search("states", "too_many", states=[1] * 8),
    search("step_state", "unknown_enum_value", step_state=UNKNOWN),
    search("started_from", "out_of_range", started_from=Timestamp(seconds=2**60)),
    search("started_before", "out_of_range", started_before=Timestamp(nanos=-1)),
    search("started_before", "out_of_order", started_from=moment(), started_before=moment()),
    search("page_size", "negative", page_size=-1),
    *(
        search("page_token", "malformed", page_token=token)
        for token in ("?", "d2Zy\n", "é", "/w==", "AA==", "YWJj" * 50)
    ),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.rpc}-{bad.field}-{bad.reason}")
async def test_bad_request_is_refused_and_asks_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(call(edge, bad.rpc, bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.inquiries.asked


@pytest.mark.parametrize("rpc", OF_RUN)
async def test_a_run_that_is_not_there(edge: Edge, rpc: str) -> None:
    edge.inquiries.explained = edge.inquiries.happened = edge.inquiries.drawn = None
    error = await refused(call(edge, rpc, OF_RUN[rpc](run_id="wfr_9")))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "run_not_found")
