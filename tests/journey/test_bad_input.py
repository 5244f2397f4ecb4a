"""Bad requests end to end: each has its status and reason, betrays nothing, and leaves the database as it was.

Also what only looks bad: repetitions, and two callers at the same moment. Reports on steps are in `test_reports`.
"""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from workflows.ops.v1.definitions_pb2 import SetEnabledRequest
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.v1 import workflows_pb2 as pb

from tests.journey.graphs import chain, edge, graph, step, task
from tests.journey.refusals import Stored
from tests.world import WORKSPACE, World, struct

ONE_TASK = chain(task("sign"))


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


@pytest.fixture(scope="module")
async def published(shared: World) -> pb.WorkflowDefinition:
    """A definition with one version of one human task."""
    return (await shared.publish(ONE_TASK)).definition


def key() -> tuple[tuple[str, str], ...]:
    return (("idempotency-key", uuid4().hex),)


async def answered(call: Any) -> tuple[Any, bool]:
    """The answer, and whether it says of itself that it is a repetition."""
    headers = dict(await call.initial_metadata())
    return await call, headers.get("idempotent-replay") == "true"


# --- definitions and versions ------------------------------------------------------------------------------------


async def test_a_name_is_taken_once_in_a_workspace(shared: World, stored: Stored) -> None:
    await shared.definition("Outbound")
    request = pb.CreateDefinitionRequest(workspace_id=WORKSPACE, name="Outbound")
    seen = await stored.refuses(shared.stub.CreateDefinition, request)
    assert (seen.code, seen.reason) == (StatusCode.ALREADY_EXISTS, "definition_exists")
    elsewhere = pb.CreateDefinitionRequest(workspace_id="ws_other", name="Outbound")
    assert (await shared.stub.CreateDefinition(elsewhere)).definition.workspace_id == "ws_other"


async def test_a_cycle_is_refused_by_name_together_with_all_else(shared: World, stored: Stored) -> None:
    steps = [task("a"), task("b"), task("c"), step("d", "AGENT_ACTION")]
    drawn = graph(steps, "a>b", "b>c", "c>a", edge("c>d", "nonsense(("), definition_id=(await shared.definition()).id)
    seen = await stored.refuses(shared.stub.PublishVersion, drawn)
    assert seen.code == StatusCode.INVALID_ARGUMENT
    reasons = [reason for found in seen.fields.values() for reason in found]
    assert {"cycle", "no_agent"} <= set(reasons)
    assert len(reasons) >= 3
    assert "a -> b -> c -> a" in seen.text


async def test_versions_need_a_definition_and_steps(shared: World, stored: Stored) -> None:
    unknown = graph([task("a")], definition_id="wf_unknown")
    seen = await stored.refuses(shared.stub.PublishVersion, unknown)
    assert (seen.code, seen.reason) == (StatusCode.NOT_FOUND, "definition_not_found")
    empty = pb.PublishVersionRequest(definition_id=(await shared.definition()).id)
    seen = await stored.refuses(shared.stub.PublishVersion, empty)
    assert (seen.code, seen.fields) == (StatusCode.INVALID_ARGUMENT, {"steps": ["no_steps"]})


async def test_many_publishing_at_once_get_serial_versions(shared: World) -> None:
    definition = await shared.definition()
    answers = await asyncio.gather(*(shared.publish(ONE_TASK, definition) for _ in range(8)))
    assert sorted(answer.version.version for answer in answers) == list(range(1, 9))
    listed = await shared.stub.ListVersions(pb.ListVersionsRequest(definition_id=definition.id))
    assert [version.version for version in listed.versions] == list(range(8, 0, -1))


async def test_publishing_again_with_the_same_key_publishes_once(shared: World, stored: Stored) -> None:
    request = graph([task("a")], definition_id=(await shared.definition()).id)
    again = key()
    first, replay = await answered(shared.stub.PublishVersion(request, metadata=again))
    assert (first.version.version, replay) == (1, False)
    async with stored.unchanged():
        assert await answered(shared.stub.PublishVersion(request, metadata=again)) == (first, True)
    request.author = "somebody else"
    seen = await stored.refuses(shared.stub.PublishVersion, request, metadata=again)
    assert (seen.code, seen.reason) == (StatusCode.ALREADY_EXISTS, "idempotency_conflict")


# --- starting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"definition_id": "wf_unknown"}, StatusCode.NOT_FOUND, "definition_not_found"),
        ({"definition_version": 2}, StatusCode.NOT_FOUND, "version_not_found"),
        ({"definition_version": -1}, StatusCode.INVALID_ARGUMENT, "negative"),
        ({"workspace_id": "ws_other"}, StatusCode.NOT_FOUND, "definition_not_found"),
        ({"parent_run_id": "wfr_unknown"}, StatusCode.NOT_FOUND, "run_not_found"),
        ({"trigger_type": pb.TRIGGER_TYPE_EVENT}, StatusCode.INVALID_ARGUMENT, "required"),
        ({"trigger_type": pb.TRIGGER_TYPE_WEBHOOK}, StatusCode.INVALID_ARGUMENT, "required"),
        ({"trigger_type": 77}, StatusCode.INVALID_ARGUMENT, "unknown_enum_value"),
        ({"entity_id": "e\0"}, StatusCode.INVALID_ARGUMENT, "nul_character"),
        ({"input_payload": struct({"n": [{"x": "a\0b"}]})}, StatusCode.INVALID_ARGUMENT, "nul_character"),
        ({"input_payload": struct({"big": "x" * 300_000})}, StatusCode.INVALID_ARGUMENT, "payload_too_large"),
    ],
)
async def test_a_start_that_cannot_be(
    shared: World,
    stored: Stored,
    published: pb.WorkflowDefinition,
    changes: dict[str, Any],
    code: StatusCode,
    reason: str,
) -> None:
    request = pb.StartRunRequest(**{"definition_id": published.id, **changes})
    seen = await stored.refuses(shared.stub.StartRun, request)
    assert (seen.code, seen.reason) == (code, reason)


async def test_a_definition_without_a_version_starts_nothing(shared: World, stored: Stored) -> None:
    request = pb.StartRunRequest(definition_id=(await shared.definition()).id)
    seen = await stored.refuses(shared.stub.StartRun, request)
    assert (seen.code, seen.reason) == (StatusCode.NOT_FOUND, "not_published")


async def test_a_parent_of_another_workspace_is_not_found(
    shared: World, stored: Stored, published: pb.WorkflowDefinition
) -> None:
    elsewhere = pb.CreateDefinitionRequest(workspace_id="ws_other", name=uuid4().hex)
    definition = (await shared.stub.CreateDefinition(elsewhere)).definition
    await shared.publish(ONE_TASK, definition)
    foreign = await shared.start(definition.id)
    request = pb.StartRunRequest(definition_id=published.id, parent_run_id=foreign.id)
    seen = await stored.refuses(shared.stub.StartRun, request)
    assert (seen.code, seen.reason) == (StatusCode.NOT_FOUND, "run_not_found")


async def test_a_line_of_parents_and_children_is_at_most_sixteen_long(
    shared: World, stored: Stored, published: pb.WorkflowDefinition
) -> None:
    run = await shared.start(published.id)
    for _ in range(15):
        run = await shared.start(published.id, parent_run_id=run.id)
    request = pb.StartRunRequest(definition_id=published.id, parent_run_id=run.id)
    seen = await stored.refuses(shared.stub.StartRun, request)
    assert (seen.code, seen.reason) == (StatusCode.FAILED_PRECONDITION, "run_too_deep")


async def test_the_same_key_again_answers_like_the_first_time(
    shared: World, stored: Stored, published: pb.WorkflowDefinition
) -> None:
    request = pb.StartRunRequest(definition_id=published.id, input_payload=struct({"n": 1}))
    again = key()
    first, replay = await answered(shared.stub.StartRun(request, metadata=again))
    assert not replay
    done = pb.TransitionStepRequest(run_id=first.run.id, step_id="sign", state=pb.STEP_RUN_STATE_COMPLETED)
    await shared.stub.TransitionStep(done)
    async with stored.unchanged():
        assert await answered(shared.stub.StartRun(request, metadata=again)) == (first, True)
    request.input_payload.update({"n": 2})
    seen = await stored.refuses(shared.stub.StartRun, request, metadata=again)
    assert (seen.code, seen.reason) == (StatusCode.ALREADY_EXISTS, "idempotency_conflict")


async def test_the_same_key_is_answered_also_when_nothing_could_start_any_more(shared: World) -> None:
    definition = (await shared.publish(ONE_TASK)).definition
    request, again = pb.StartRunRequest(definition_id=definition.id), key()
    first = await shared.stub.StartRun(request, metadata=again)
    disabled = SetEnabledRequest(definition_id=definition.id, enabled=False)
    await DefinitionServiceStub(shared.channel).SetEnabled(disabled)
    assert await answered(shared.stub.StartRun(request, metadata=again)) == (first, True)


async def test_the_same_key_many_times_at_once_starts_one_run(shared: World, published: pb.WorkflowDefinition) -> None:
    request = pb.StartRunRequest(definition_id=published.id)
    again = key()
    answers = await asyncio.gather(*(answered(shared.stub.StartRun(request, metadata=again)) for _ in range(8)))
    assert sorted(replay for _, replay in answers) == [False] + [True] * 7
    assert all(answer == answers[0][0] for answer, _ in answers)


async def test_an_event_starts_a_definition_once(shared: World) -> None:
    definition = (await shared.publish(ONE_TASK)).definition
    request = pb.StartRunRequest(
        definition_id=definition.id, trigger_type=pb.TRIGGER_TYPE_EVENT, trigger_event_id="evt_1"
    )
    answers = await asyncio.gather(*(shared.stub.StartRun(request) for _ in range(4)))
    assert len({answer.run.id for answer in answers}) == 1


# --- reading and lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("ListRuns", pb.ListRunsRequest(limit=-1)),
        ("ListRuns", pb.ListRunsRequest(offset=-1)),
        ("ListDefinitions", pb.ListDefinitionsRequest(limit=-1)),
        ("ListDefinitions", pb.ListDefinitionsRequest(offset=-1)),
    ],
)
async def test_lists_want_no_negative_numbers(shared: World, stored: Stored, method: str, request_: Message) -> None:
    seen = await stored.refuses(getattr(shared.stub, method), request_)
    assert (seen.code, seen.reason) == (StatusCode.INVALID_ARGUMENT, "negative")


async def test_pages_are_clamped_and_empty_beyond_the_end(shared: World, published: pb.WorkflowDefinition) -> None:
    runs = [(await shared.start(published.id, entity_id="ent_paged")).id for _ in range(3)]
    everything = await shared.stub.ListRuns(pb.ListRunsRequest(entity_id="ent_paged", limit=2**31 - 1))
    assert ([run.id for run in everything.runs], everything.total) == (runs[::-1], 3)
    page = await shared.stub.ListRuns(pb.ListRunsRequest(entity_id="ent_paged", limit=1, offset=1))
    assert ([run.id for run in page.runs], page.total) == ([runs[1]], 3)
    beyond = await shared.stub.ListRuns(pb.ListRunsRequest(entity_id="ent_paged", offset=2**31 - 1))
    assert (len(beyond.runs), beyond.total) == (0, 3)
    beyond_all = await shared.stub.ListDefinitions(pb.ListDefinitionsRequest(offset=10_000))
    assert (len(beyond_all.definitions), beyond_all.total > 0) == (0, True)


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("GetRun", pb.GetRunRequest(id="wfr_unknown"), "run_not_found"),
        ("GetDefinition", pb.GetDefinitionRequest(id="wf_unknown"), "definition_not_found"),
        ("ListVersions", pb.ListVersionsRequest(definition_id="wf_unknown"), "definition_not_found"),
    ],
)
async def test_what_does_not_exist_is_not_found(
    shared: World, stored: Stored, method: str, request_: Message, reason: str
) -> None:
    seen = await stored.refuses(getattr(shared.stub, method), request_)
    assert (seen.code, seen.reason) == (StatusCode.NOT_FOUND, reason)


# --- calls as such -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["CreateDefinition", "PublishVersion", "StartRun", "TransitionStep", "GetRun"])
async def test_bytes_that_are_no_message(shared: World, stored: Stored, method: str) -> None:
    raw: Any = shared.channel.unary_unary(f"/workflows.v1.WorkflowService/{method}")
    seen = await stored.refuses(raw, b"\xff\xff\xff\xff")
    assert (seen.code, seen.reason) == (StatusCode.INVALID_ARGUMENT, "malformed_request")
