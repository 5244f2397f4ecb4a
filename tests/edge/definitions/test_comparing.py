"""DiffVersions on the wire: which two are compared, what is refused, and what comes back."""

from dataclasses import replace

import pytest
from grpc import StatusCode
from workflows.ops.v1 import definitions_pb2 as ops
from workflows.v1 import workflows_pb2 as pb

from service.domain.definition import StepType
from service.domain.difference import Comparison, OpenRuns, difference
from service.edge.definitions import replies
from tests.domain.drafts import draft, edges, step
from tests.edge.edge import Edge, refused
from tests.edge.fakes import definition
from tests.edge.workflows.test_publish import pipeline as published

TASK = StepType.HUMAN_TASK
FIRST = draft(
    step("a", TASK), step("b", TASK, config={"title": "B", "due_seconds": 5.0}), edges=edges("a>b"), version=1
)
SECOND = draft(step("a", TASK, name="A"), step("c", TASK), edges=edges("a>c"), timeout_seconds=9, version=2)


def pipeline() -> pb.PublishVersionRequest:
    drawn = published()
    drawn.definition_id = ""
    return drawn


@pytest.fixture
def known(edge: Edge) -> Edge:
    edge.definitions.found = definition(latest_version=2)
    edge.definitions.kept = [SECOND, FIRST]
    edge.definitions.going = [OpenRuns(2, 1, {"a": TASK, "c": TASK}), OpenRuns(1, 7, {"a": TASK, "b": TASK})]
    return edge


async def compared(edge: Edge, **fields: object) -> ops.DiffVersionsResponse:
    return await edge.definition_stub.DiffVersions(ops.DiffVersionsRequest(definition_id="wf_1", **fields))  # type: ignore[arg-type]


async def test_two_versions(known: Edge) -> None:
    found = await compared(known, from_version=1, to_version=2)
    assert (found.from_version, found.to_version, found.trigger_moves) == (1, 2, True)
    assert [(s.step_id, s.kind) for s in found.steps] == [("a", 3), ("b", 2), ("c", 1)]
    assert [(e.from_step_id, e.to_step_id, e.kind) for e in found.edges] == [("a", "b", 2), ("a", "c", 1)]
    fields = {f.path: f for f in found.steps[1].fields}
    assert fields["config.title"].before.string_value == "B"
    assert fields["step_type"].before.string_value == "STEP_TYPE_HUMAN_TASK"
    assert fields["config.due_seconds"].before.number_value == 5
    assert not fields["config.title"].HasField("after")
    assert [(f.path, f.after.number_value) for f in found.version] == [("timeout_seconds", 9)]
    assert [(o.version, o.runs, list(o.steps_gone)) for o in found.open_runs] == [(2, 1, []), (1, 7, ["b"])]
    assert not known.committed


async def test_back_to_an_older_one_the_trigger_does_not_move(known: Edge) -> None:
    found = await compared(known, from_version=2, to_version=1)
    assert not found.trigger_moves
    assert [(s.step_id, s.kind) for s in found.steps] == [("a", 3), ("c", 2), ("b", 1)]


async def test_nothing_said_is_the_latest(known: Edge) -> None:
    found = await compared(known)
    assert (found.from_version, found.to_version) == (2, 2)
    assert not (*found.steps, *found.edges, *found.version)


async def test_with_a_draft(known: Edge) -> None:
    wanted = pb.PublishVersionRequest(steps=[pb.StepDefinition(id="a", step_type=pb.STEP_TYPE_HUMAN_TASK, name="A")])
    found = await compared(known, draft=wanted)
    assert (found.from_version, found.to_version, found.trigger_moves) == (2, 0, True)
    assert [(s.step_id, s.kind) for s in found.steps] == [("c", 2)]
    assert [list(o.steps_gone) for o in found.open_runs] == [["c"], ["b"]]


async def test_the_first_draft_is_all_new(edge: Edge) -> None:
    edge.definitions.found = definition(latest_version=0)
    found = await compared(edge, draft=pipeline())
    assert found.from_version == 0
    assert {s.kind for s in found.steps} == {ops.DIFFERENCE_KIND_ADDED}
    error = await refused(compared(edge, to_version=0))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "not_published")


async def test_a_draft_that_cannot_be_published_is_not_compared(known: Edge) -> None:
    wanted = pipeline()
    wanted.edges[0].to_step_id = "nowhere"
    error = await refused(compared(known, draft=wanted))
    assert error.fields["draft.edges[0].to_step_id"] == ["unknown_step"]


async def test_what_is_not_there(known: Edge) -> None:
    error = await refused(compared(known, from_version=9))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "version_not_found")
    known.definitions.found = None
    error = await refused(compared(known))
    assert (error.code, error.reason) == (StatusCode.NOT_FOUND, "definition_not_found")


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (ops.DiffVersionsRequest(), "definition_id", "required"),
        (ops.DiffVersionsRequest(definition_id="\0"), "definition_id", "nul_character"),
        (ops.DiffVersionsRequest(definition_id="d" * 129), "definition_id", "too_long"),
        (ops.DiffVersionsRequest(definition_id="wf_1", from_version=-1), "from_version", "negative"),
        (ops.DiffVersionsRequest(definition_id="wf_1", to_version=-1), "to_version", "negative"),
        (
            ops.DiffVersionsRequest(definition_id="wf_1", draft=pb.PublishVersionRequest(definition_id="wf_2")),
            "draft.definition_id",
            "other_definition",
        ),
    ],
)
async def test_bad_requests(known: Edge, request_: ops.DiffVersionsRequest, field: str, reason: str) -> None:
    error = await refused(known.definition_stub.DiffVersions(request_))
    assert error.code is StatusCode.INVALID_ARGUMENT
    assert reason in error.fields[field]


def test_what_does_not_fit_is_counted() -> None:
    many = draft(*(step(f"s{i}", TASK, name="n" * 100) for i in range(100)))
    whole = Comparison(0, many, difference(None, many), trigger_moves=True, open_runs=[])
    assert replies.comparison(whole).left_out == 0
    cut = replies.comparison(replace(whole, open_runs=[OpenRuns(1, 1, {"a": TASK})]), max_bytes=3_000)
    assert len(cut.steps) + cut.left_out == 100
    assert 0 < cut.left_out < 100
    assert cut.ByteSize() < 3_000
    assert cut.open_runs
