"""A run explains itself: what it waits for, held to what then unblocks it; its history, watched, drawn and found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar
from xml.etree import ElementTree

import grpc
import pytest
from google.protobuf.message import Message
from workflows.ops.v1 import definitions_pb2, tasks_pb2
from workflows.ops.v1 import runs_pb2 as ops
from workflows.ops.v1.definitions_pb2_grpc import DefinitionServiceStub
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.dev.siblings.script import Fault, Verdict, Work
from tests.edge.edge import refused
from tests.journey.acting import at_work, begin, found, plain, report
from tests.journey.controlling import compensate, pause, resume, until_state
from tests.journey.graphs import agent, chain, check, gate, graph, step, task
from tests.journey.refusals import Stored
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.world import PATIENCE_SECONDS, WORKSPACE, World

MESSAGE = "siphon.tap.gmail.message"
HELD = "held-for-explaining"
T = TypeVar("T")


@pytest.fixture
def stored(shared: World, shared_database: str) -> Stored:
    return Stored(shared, shared_database)


def operator(shared: World) -> RunServiceStub:
    return RunServiceStub(shared.channel)


async def explained(shared: World, run_id: str) -> ops.ExplainRunResponse:
    return await operator(shared).ExplainRun(ops.ExplainRunRequest(run_id=run_id))


async def waits(shared: World, run_id: str, step_id: str) -> dict[str, ops.StepWait]:
    """By kind; empty for a step that waits for nothing any more."""
    answer = await explained(shared, run_id)
    return {wait.kind: wait for step in answer.steps if step.step_id == step_id for wait in step.waits}


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """Asks on until the answer is as wanted: not everything that is told of here is told on the bus as well."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds(answer := await ask()):
            pass
    return answer


async def until_waits(shared: World, run_id: str, step_id: str, kind: str) -> ops.StepWait:
    return (await until(lambda: waits(shared, run_id, step_id), lambda seen: kind in seen))[kind]


# --- waiting, and what unblocks it -----------------------------------------------------------------------------------


class Waits(NamedTuple):
    """A step of which `kind` is said, with `details`; `unblock` ends it."""

    step: pb.StepDefinition
    kind: str
    details: Callable[[pb.WorkflowRun], dict[str, Any]]
    unblock: Callable[[World, pb.WorkflowRun], Awaitable[Any]]


async def finish(shared: World, run: pb.WorkflowRun) -> None:
    await shared.siblings.finish_objective(await at_work(shared, run.id, HELD), Work({"ok": True}))


async def approve(shared: World, run: pb.WorkflowRun) -> None:
    await shared.siblings.decide_approval(run.steps[0].approval_request_id, "APPROVED")


async def answer(shared: World, run: pb.WorkflowRun) -> None:
    await shared.say(f"{MESSAGE}.explained", {"stars": 5})


async def sign(shared: World, run: pb.WorkflowRun) -> None:
    await shared.tasks.CompleteTask(tasks_pb2.CompleteTaskRequest(id=f"{run.id}/sign", user_id="ann"))


async def nothing(shared: World, run: pb.WorkflowRun) -> None:
    """The clock does it."""


CASES = {
    "objective": Waits(
        agent(HELD),
        "objective",
        lambda run: {"objective_id": run.steps[0].objective_id, "agent_id": "agent_research"},
        finish,
    ),
    "approval": Waits(
        gate("explained-gate", config={"approver_user_id": "mia"}),
        "approval",
        lambda run: {"approval_request_id": run.steps[0].approval_request_id, "approver": "mia"},
        approve,
    ),
    "approval of a check": Waits(
        check("explained-check"),
        "approval",
        lambda run: {"approval_request_id": run.steps[0].approval_request_id},
        approve,
    ),
    "event": Waits(
        step("answer", "WAIT_FOR_EVENT", {"filter_expr": "stars > 3"}, event_type_pattern=f"{MESSAGE}.explained"),
        "event",
        lambda run: {"type": f"{MESSAGE}.explained", "filter": "stars > 3"},
        answer,
    ),
    "person": Waits(
        task("sign", config={"assignee": "ann"}),
        "person",
        lambda run: {"task_id": f"{run.id}/sign", "status": "OPEN"},
        sign,
    ),
    "delay": Waits(
        step("later", "WAIT_FOR_EVENT", {"timeout_action": "go on"}, timeout_seconds=3),
        "delay",
        lambda run: {},
        nothing,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_a_step_is_said_to_wait_for_unblocks_it(shared: World, case: Waits) -> None:
    shared.siblings.script.work[HELD] = Work(held=True)
    shared.siblings.script.governance["explained-check"] = Verdict("REQUIRE_APPROVAL", reasons=("too dear",))
    run = await begin(shared, chain(case.step, task("next")))
    wait = await until_waits(shared, run.id, case.step.id, case.kind)
    run = await shared.run(run.id)
    wanted = case.details(run)
    assert plain(wait.details).items() >= wanted.items()
    assert plain((await waits(shared, run.id, "next"))["predecessors"].details) == {"steps": [case.step.id]}
    await case.unblock(shared, run)
    await shared.until_step(run.id, "next", "WAITING")
    answer = await explained(shared, run.id)
    assert [step.step_id for step in answer.steps] == ["next"]
    assert answer.summary == "next waits for anybody to do 'next'"


async def test_a_child_run_is_named(shared: World) -> None:
    run = await begin(shared, chain(calling("call", await by_id(shared, chain(task("check"))))))
    child = await child_of(shared, run)
    wait = await until_waits(shared, run.id, "call", "run")
    assert plain(wait.details) == {"run_id": child.id}
    await report(shared, child.id, "check", "COMPLETED")
    await shared.until_ended(run.id)
    answer = await explained(shared, run.id)
    assert (answer.summary, list(answer.steps)) == ("the run is COMPLETED", [])


async def test_a_retry_names_the_error_and_the_time(shared: World) -> None:
    shared.siblings.script.work["once-broken"] = Work({"ok": True}, failures=1, error_message="no luck")
    policy = pb.RetryPolicy(max_retries=1, backoff_seconds=3)
    run = await begin(shared, chain(agent("once-broken", retry_policy=policy)))
    wait = await until_waits(shared, run.id, "once-broken", "retry")
    assert wait.what == "retry 1 after objective_failed: no luck"
    ended = await shared.until_ended(run.id)
    assert ended.steps[0].retry_count == 1
    assert wait.until.ToNanoseconds() <= ended.completed_at.ToNanoseconds()


async def test_a_pause_names_who_and_why(shared: World) -> None:
    run = await begin(shared, chain(task("sign"), task("next")))
    await pause(shared, run.id, "lunch")
    answer = await explained(shared, run.id)
    assert (answer.state, answer.drained) == (pb.WORKFLOW_STATE_PAUSED, True)
    assert answer.summary == "paused by anonymous (lunch); nothing is in flight"
    ((source, by, reason),) = [(pause.source, pause.by, pause.reason) for pause in answer.pauses]
    assert (source, by, reason) == ("caller", "anonymous", "lunch")
    await report(shared, run.id, "sign", "COMPLETED")
    assert (await waits(shared, run.id, "next")).keys() == {"pause"}
    await resume(shared, run.id)
    assert (await waits(shared, run.id, "next")).keys() == {"person"}


async def test_items_are_told_of_together(shared: World) -> None:
    shared.siblings.script.work["each"] = Work(held=True)
    each = agent("each", config={"items": "input.names", "concurrency": 2})
    run = await begin(shared, chain(each), {"names": ["a", "b", "c"]})
    going = {"objective": 2, "turn": 1}
    seen = await until(
        lambda: waits(shared, run.id, "each"), lambda seen: plain(seen["items"].details)["waits"] == going
    )
    assert seen["items"].what == "3 of 3 items"


async def test_a_sibling_that_does_not_answer_is_named_until_it_does(shared: World) -> None:
    shared.siblings.add_fault(Fault("notifications.*", "UNAVAILABLE", times=3))
    run = await begin(shared, chain(step("tell", "NOTIFICATION", {"recipient": "ann"}), task("next")))
    wait = await until_waits(shared, run.id, "tell", "sibling")
    assert plain(wait.details)["call"] == "SendNotification"
    assert "unavailable" in plain(wait.details)["error"]
    await shared.until_step(run.id, "next", "WAITING")
    assert list((await explained(shared, run.id)).owed) == []


async def test_an_open_breaker_is_named_until_it_lets_calls_through(shared: World) -> None:
    """Five faults open it, so that a call that comes next is not even made; some more keep it open to be looked at."""
    shared.siblings.add_fault(Fault("notifications.*", "UNAVAILABLE", times=8))
    version = (await shared.publish(chain(step("tell", "NOTIFICATION", {"recipient": "ann"})))).definition
    runs = [await shared.start(version.id) for _ in range(6)]

    async def seen() -> list[ops.StepWait]:
        found = await asyncio.gather(*(waits(shared, run.id, "tell") for run in runs))
        return [each["breaker"] for each in found if "breaker" in each]

    wait = (await until(seen, bool))[0]
    assert wait.what.startswith("SendNotification")
    assert plain(wait.details)["error"].startswith("breaker_open")
    assert wait.HasField("until")
    for run in runs:
        assert (await shared.until_ended(run.id)).state == pb.WORKFLOW_STATE_COMPLETED


async def test_a_pause_of_the_parent_names_the_parent(shared: World) -> None:
    called = await by_id(shared, chain(task("sign"), task("next")))
    parent = await begin(shared, chain(calling("call", called)))
    child = await child_of(shared, parent)
    await shared.until_step(child.id, "sign", "WAITING")
    await pause(shared, parent.id, "lunch")
    await until_state(shared, child.id, pb.WORKFLOW_STATE_PAUSED)
    assert [pause.source for pause in (await explained(shared, child.id)).pauses] == ["parent"]
    await report(shared, child.id, "sign", "COMPLETED")
    wait = (await waits(shared, child.id, "next"))["pause"]
    assert wait.unblock == "ResumeRun of the parent run"
    await resume(shared, parent.id)
    await shared.until_step(child.id, "next", "WAITING")


async def test_what_is_undone_waits_for_what_undoes_it_and_for_later_steps(shared: World) -> None:
    steps = [
        task("book", compensation_step_id="unbook"),
        task("pay", compensation_step_id="refund"),
        task("tell"),
        task("unbook"),
        task("refund"),
    ]
    along = [pb.Edge(from_step_id=one, to_step_id=other) for one, other in (("book", "pay"), ("pay", "tell"))]
    run = await begin(shared, graph(steps, *along))
    for done in ("book", "pay"):
        await report(shared, run.id, done, "COMPLETED")
    await report(shared, run.id, "tell", "FAILED")
    await until_state(shared, run.id, pb.WORKFLOW_STATE_FAILED)
    await compensate(shared, run.id)
    assert plain((await waits(shared, run.id, "pay"))["compensation"].details) == {"step_id": "refund"}
    assert plain((await waits(shared, run.id, "book"))["later_steps"].details) == {"steps": ["pay"]}
    await report(shared, run.id, "refund", "COMPLETED")
    assert (await waits(shared, run.id, "book")).keys() == {"compensation"}
    await report(shared, run.id, "unbook", "COMPLETED")
    ended = await shared.until(run.id, lambda found: found.state != pb.WORKFLOW_STATE_COMPENSATING)
    assert list((await explained(shared, ended.id)).steps) == []


# --- history ---------------------------------------------------------------------------------------------------------


async def history(shared: World, run_id: str, **asked: int) -> ops.ListRunEventsResponse:
    return await operator(shared).ListRunEvents(ops.ListRunEventsRequest(run_id=run_id, **asked))


async def test_the_history_says_who_did_what_and_when_the_bus_took_it(shared: World) -> None:
    run = await begin(shared, chain(task("sign")))
    await report(shared, run.id, "sign", "COMPLETED")
    told = await shared.until_told(run.id, "run.completed")
    answer = await until(
        lambda: history(shared, run.id), lambda seen: all(event.HasField("published_at") for event in seen.events)
    )
    seen = [(event.sequence, f"{event.aggregate}.{event.operation}") for event in answer.events]
    assert seen == [(each.sequence, each.type.removeprefix("workflows.changes.")) for each in told]
    assert {event.actor for event in answer.events} == {"anonymous"}
    assert [event.step_id for event in answer.events if event.aggregate == "step"] == ["sign"] * 2
    rest = await history(shared, run.id, after_sequence=1, limit=2)
    assert [event.sequence for event in rest.events] == [2, 3]


async def test_reports_that_changed_nothing_are_told_beside_it(shared: World) -> None:
    waiting = step("answer", "WAIT_FOR_EVENT", {"filter_expr": "stars > 3"}, event_type_pattern=f"{MESSAGE}.unfit")
    run = await begin(shared, chain(waiting))
    event_id = await shared.say(f"{MESSAGE}.unfit", {"stars": 1})
    # Whoever hears the event and whoever opens the wait may both find the other, and one report is not the other.
    (audit, *_) = (await until(lambda: history(shared, run.id), lambda seen: bool(seen.audits))).audits
    assert (audit.reason, event_id in audit.cause) == ("no_match", True)
    after = (await history(shared, run.id, after_audit=audit.id)).audits
    assert all(each.id > audit.id and event_id in each.cause for each in after)


# --- watching --------------------------------------------------------------------------------------------------------


async def watch(shared: World, run_id: str, after: int = 0) -> AsyncIterator[ops.RunEvent]:
    request = ops.WatchRunRequest(run_id=run_id, after_sequence=after)
    async for message in operator(shared).WatchRun(request, timeout=PATIENCE_SECONDS):
        yield message.event


async def test_a_watch_shows_a_run_to_its_end_and_can_be_resumed(shared: World) -> None:
    run = await begin(shared, chain(task("sign"), task("next")))
    events = watch(shared, run.id)
    seen = [await anext(events) for _ in range(2)]
    await report(shared, run.id, "sign", "COMPLETED")
    seen += [await anext(events), await anext(events)]
    await report(shared, run.id, "next", "COMPLETED")
    seen += [event async for event in events]
    told = await shared.until_told(run.id, "run.completed")
    assert [event.sequence for event in seen] == [each.sequence for each in told]
    again = [event.sequence async for event in watch(shared, run.id, after=3)]
    assert again == [event.sequence for event in seen[3:]]


async def test_idle_watches_leave_the_database_to_others(shared: World) -> None:
    """The service reads over two connections here."""
    run = await begin(shared, chain(task("sign")))
    streams = [watch(shared, run.id, after=1) for _ in range(5)]
    for stream in streams:
        await anext(stream)
    assert {(await shared.run(run.id)).id for _ in range(20)} == {run.id}
    await report(shared, run.id, "sign", "COMPLETED")
    for stream in streams:
        assert [event.operation async for event in stream][-1] == "completed"


# --- drawing and finding ---------------------------------------------------------------------------------------------


async def test_a_run_is_drawn_with_the_path_it_took(shared: World) -> None:
    steps = [step("pick", "BRANCH"), task("yes"), task("no")]
    yes = pb.Edge(from_step_id="pick", to_step_id="yes", condition_expr="input.n > 1", label="big")
    no = pb.Edge(from_step_id="pick", to_step_id="no", condition_expr="input.n <= 1", label="small")
    run = await begin(shared, graph(steps, yes, no), {"n": 5})
    drawn = (await operator(shared).GetRunGraph(ops.GetRunGraphRequest(run_id=run.id))).text
    assert f'title: "{run.id}: RUNNING, $0"' in drawn
    assert ' ==>|"big"| ' in drawn
    assert ' -.->|"small"| ' in drawn
    request = ops.GetRunGraphRequest(run_id=run.id, format=ops.RUN_GRAPH_FORMAT_DOT)
    assert (await operator(shared).GetRunGraph(request)).text.startswith("digraph run {")
    request.format = ops.RUN_GRAPH_FORMAT_SVG
    image = ElementTree.fromstring((await operator(shared).GetRunGraph(request)).text)
    assert f"{run.id}: RUNNING, $0" in [text.text for text in image.iter("{http://www.w3.org/2000/svg}text")]


async def test_a_version_is_drawn_without_a_run(shared: World) -> None:
    definitions = DefinitionServiceStub(shared.channel)
    published = await shared.publish(chain(task("first")))
    await shared.publish(chain(task("first"), task("second")), published.definition)

    async def drawn(version: int) -> str:
        request = definitions_pb2.GetGraphRequest(definition_id=published.definition.id, version=version)
        return (await definitions.GetGraph(request)).text

    assert "version 1" in await drawn(1)
    assert "second" not in await drawn(1)
    assert await drawn(0) == await drawn(2)
    missing = await refused(drawn(3))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "version_not_found")


async def test_a_definition_without_versions_has_no_graph(shared: World) -> None:
    request = definitions_pb2.GetGraphRequest(definition_id=(await shared.definition()).id)
    missing = await refused(DefinitionServiceStub(shared.channel).GetGraph(request))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "not_published")


async def test_runs_are_found_page_by_page(shared: World) -> None:
    published = await shared.publish(chain(task("sign"), task("next")))
    runs = [await shared.start(published.definition.id, entity_id=f"lead_{n % 2}") for n in range(4)]
    await report(shared, runs[0].id, "sign", "COMPLETED")
    await report(shared, runs[1].id, "sign", "FAILED", error_message="no")
    await until_state(shared, runs[1].id, pb.WORKFLOW_STATE_FAILED)

    async def search(**fields: Any) -> ops.SearchRunsResponse:
        request = ops.SearchRunsRequest(definition_id=published.definition.id, workspace_id=WORKSPACE, **fields)
        return await operator(shared).SearchRuns(request)

    pages = [await search(page_size=3)]
    pages.append(await search(page_size=3, page_token=pages[0].next_page_token))
    ids = [each.run.id for page in pages for each in page.runs]
    assert (ids, pages[1].next_page_token) == ([run.id for run in reversed(runs)], "")
    (failed,) = (await search(states=[pb.WORKFLOW_STATE_FAILED])).runs
    assert (failed.run.id, failed.failure_reason, failed.failure_message) == (
        runs[1].id,
        "task_rejected",
        "step sign: no",
    )
    (further,) = (await search(step_id="next")).runs
    assert (further.run.id, list(further.open_step_ids)) == (runs[0].id, ["next"])
    assert [each.run.id for each in (await search(entity_id="lead_1")).runs] == [runs[3].id, runs[1].id]
    assert found(await shared.run(runs[0].id), "sign").state == pb.STEP_RUN_STATE_COMPLETED


# --- what is not there -----------------------------------------------------------------------------------------------


async def test_a_run_that_is_not_there_is_not_found(shared: World, stored: Stored) -> None:
    stub = operator(shared)
    calls: dict[Callable[..., Awaitable[Any]], Message] = {
        stub.ExplainRun: ops.ExplainRunRequest(run_id="wfr_none"),
        stub.ListRunEvents: ops.ListRunEventsRequest(run_id="wfr_none"),
        stub.GetRunGraph: ops.GetRunGraphRequest(run_id="wfr_none"),
        lambda request: stub.WatchRun(request).read(): ops.WatchRunRequest(run_id="wfr_none"),
    }
    for call, request in calls.items():
        error = await stored.refuses(call, request)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "run_not_found")
