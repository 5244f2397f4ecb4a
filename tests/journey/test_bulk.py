"""Many runs controlled at once, through the whole: every state, pages while states change, keys, other workspaces."""

from collections import Counter
from typing import Any

import grpc
from workflows.ops.v1 import runs_pb2 as ops
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub
from workflows.v1 import workflows_pb2 as pb

from tests.edge.edge import refused
from tests.journey.acting import report
from tests.journey.controlling import cancel, key, pause, until_state
from tests.journey.graphs import chain, task
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.world import WORKSPACE, World

CHANGED, UNCHANGED, REFUSED = (
    ops.CONTROL_OUTCOME_CHANGED,
    ops.CONTROL_OUTCOME_UNCHANGED,
    ops.CONTROL_OUTCOME_REFUSED,
)
RUNNING, PAUSED = pb.WORKFLOW_STATE_RUNNING, pb.WORKFLOW_STATE_PAUSED
CANCELLED, COMPLETED = pb.WORKFLOW_STATE_CANCELLED, pb.WORKFLOW_STATE_COMPLETED


async def control(
    world: World, definition_id: str, what: Any, *, token: str = "", page_size: int = 0, metadata: Any = (), **said: Any
) -> ops.ControlRunsResponse:
    chosen = ops.SearchRunsRequest(
        workspace_id=WORKSPACE, definition_id=definition_id, page_size=page_size, page_token=token
    )
    request = ops.ControlRunsRequest(filter=chosen, control=what, **said)
    return await RunServiceStub(world.channel).ControlRuns(request, metadata=metadata)


async def states(world: World, ids: list[str]) -> Counter[int]:
    return Counter([(await world.run(run_id)).state for run_id in ids])


async def crowd(world: World, count: int) -> tuple[str, list[str]]:
    """A definition with so many runs, oldest first: of every six one is PAUSED, one CANCELLED, one COMPLETED."""
    definition_id = (await world.publish(chain(task("sign")))).definition.id
    ids = [(await world.start(definition_id)).id for _ in range(count)]
    for place, run_id in enumerate(ids):
        if place % 6 == 1:
            await pause(world, run_id, "lunch")
        elif place % 6 == 2:
            await cancel(world, run_id)
        elif place % 6 == 3:
            await report(world, run_id, "sign", "COMPLETED")
    return definition_id, ids


async def test_a_crowd_is_paused_resumed_and_cancelled_page_by_page(shared: World) -> None:
    definition_id, ids = await crowd(shared, 60)
    await until_state(shared, ids[57], COMPLETED)

    preview = await control(shared, definition_id, ops.RUN_CONTROL_PAUSE, dry_run=True, page_size=5)
    going = [run_id for place, run_id in enumerate(ids) if place % 6 in (0, 4, 5)]
    assert (preview.matched, [each.run_id for each in preview.results]) == (30, going[:5])
    assert await states(shared, ids) == {RUNNING: 30, PAUSED: 10, CANCELLED: 10, COMPLETED: 10}

    few = await refused(control(shared, definition_id, ops.RUN_CONTROL_CANCEL, at_most=39))
    assert (few.code, few.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "too_many_runs")
    assert (await states(shared, ids))[CANCELLED] == 10

    paused = await control(shared, definition_id, ops.RUN_CONTROL_PAUSE, reason="storm", at_most=30)
    assert [each.run_id for each in paused.results] == going
    assert {(each.outcome, each.state) for each in paused.results} == {(CHANGED, PAUSED)}
    resumed = await control(shared, definition_id, ops.RUN_CONTROL_RESUME)
    assert (resumed.matched, len(resumed.results), resumed.next_page_token) == (40, 40, "")
    assert await states(shared, ids) == {RUNNING: 40, CANCELLED: 10, COMPLETED: 10}

    seen, token = list[str](), ""
    for page in range(4):
        answer = await control(shared, definition_id, ops.RUN_CONTROL_CANCEL, token=token, page_size=12, reason="over")
        assert answer.matched == 40 - 12 * page
        seen += [each.run_id for each in answer.results]
        token = answer.next_page_token
        late = await shared.start(definition_id)
        assert late.state == RUNNING, "what starts after the first page is left alone"
        await cancel(shared, late.id)
    assert seen == [run_id for place, run_id in enumerate(ids) if place % 6 not in (2, 3)]
    assert token == ""
    assert await states(shared, ids) == {CANCELLED: 50, COMPLETED: 10}


async def test_a_repetition_answers_alike_and_finishes_what_is_left(shared: World) -> None:
    definition_id, _ = await crowd(shared, 12)
    metadata = key()
    first = await control(shared, definition_id, ops.RUN_CONTROL_CANCEL, metadata=metadata, reason="over")
    assert (first.matched, {each.outcome for each in first.results}) == (8, {CHANGED})
    again = await control(shared, definition_id, ops.RUN_CONTROL_CANCEL, metadata=metadata, reason="over")
    assert again == first
    fresh = await control(shared, definition_id, ops.RUN_CONTROL_CANCEL, metadata=key(), reason="over")
    assert (fresh.matched, list(fresh.results)) == (0, [])
    other = await refused(control(shared, definition_id, ops.RUN_CONTROL_CANCEL, metadata=metadata, reason="other"))
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "idempotency_conflict")


async def test_a_call_cut_by_its_deadline_is_finished_by_its_repetition(shared: World) -> None:
    definition_id, ids = await crowd(shared, 30)
    metadata, request = key(), ops.ControlRunsRequest(control=ops.RUN_CONTROL_CANCEL)
    request.filter.definition_id = definition_id
    call = RunServiceStub(shared.channel).ControlRuns(request, metadata=metadata)
    await until_state(shared, ids[0], CANCELLED)
    call.cancel()
    answer = await RunServiceStub(shared.channel).ControlRuns(request, metadata=metadata)
    assert (answer.matched, len(answer.results)) == (20, 20)
    assert {(each.outcome, each.state) for each in answer.results} == {(CHANGED, CANCELLED)}
    assert await states(shared, ids) == {CANCELLED: 25, COMPLETED: 5}


async def test_a_refusal_stops_no_other_run(shared: World) -> None:
    """A child that was paused with its parent goes on with it alone."""
    called = await by_id(shared, chain(task("check")))
    parent_id = (await shared.publish(chain(calling("call", called)))).definition.id
    parents = [await shared.start(parent_id) for _ in range(2)]
    children = [await child_of(shared, parent) for parent in parents]
    await pause(shared, parents[0].id)
    await until_state(shared, children[0].id, PAUSED)
    await pause(shared, children[1].id)
    answer = await control(shared, children[0].definition_id, ops.RUN_CONTROL_RESUME)
    assert {each.run_id: (each.outcome, each.reason, each.state) for each in answer.results} == {
        children[0].id: (REFUSED, "paused_by_parent", PAUSED),
        children[1].id: (CHANGED, "", RUNNING),
    }  # whichever began first


async def test_parents_are_told_before_their_children(shared: World) -> None:
    """Otherwise a parent would fail of the child that was cancelled under it."""
    called = await by_id(shared, chain(task("check")))
    parent_id = (await shared.publish(chain(calling("call", called)))).definition.id
    parent = await shared.start(parent_id)
    child = await child_of(shared, parent)
    wanted = ops.ControlRunsRequest(control=ops.RUN_CONTROL_CANCEL)
    wanted.filter.started_from.CopyFrom(parent.started_at)
    wanted.filter.workspace_id = WORKSPACE
    answer = await RunServiceStub(shared.channel).ControlRuns(wanted)
    order = [each.run_id for each in answer.results]
    assert order.index(parent.id) < order.index(child.id)
    assert (await shared.until_ended(parent.id)).state == CANCELLED


async def test_the_history_names_the_call(shared: World) -> None:
    definition_id, ids = await crowd(shared, 2)
    await control(shared, definition_id, ops.RUN_CONTROL_CANCEL, reason="over")
    causes = set()
    for run_id in ids:
        answer = await RunServiceStub(shared.channel).ListRunEvents(ops.ListRunEventsRequest(run_id=run_id))
        causes.add(answer.events[-1].cause)
    assert len(causes) == 1
    assert causes.pop().startswith("rpc:bulk:")


async def test_another_workspace_has_none_of_these_runs(shared: World) -> None:
    definition_id, ids = await crowd(shared, 2)
    request = ops.ControlRunsRequest(control=ops.RUN_CONTROL_CANCEL)
    request.filter.workspace_id, request.filter.definition_id = "ws_other", definition_id
    answer = await RunServiceStub(shared.channel).ControlRuns(request)
    assert (answer.matched, list(answer.results)) == (0, [])
    assert CANCELLED not in await states(shared, ids)
