"""Policies, holds and purges through the whole: what goes, what stays, and what is said of what has gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import psycopg
import pytest
from workflows.ops.v1 import retention_pb2 as ops
from workflows.ops.v1 import runs_pb2, tasks_pb2
from workflows.ops.v1.retention_pb2_grpc import RetentionServiceStub
from workflows.ops.v1.runs_pb2_grpc import RunServiceStub
from workflows.v1 import workflows_pb2 as pb

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from tests.edge.edge import refused
from tests.journey.acting import Rows, begin, report
from tests.journey.controlling import cancel, compensate, fork, key, retry_step, until_state
from tests.journey.graphs import agent, chain, task
from tests.journey.test_sub_workflows import by_id, calling, child_of
from tests.journey.triggering import handing_in, on_event, triggered
from tests.moved import MovedClock, moved
from tests.observing.scrape import until_scraped
from tests.world import WORKSPACE, World, struct, world

DAY = 86_400
PURGED = "workflows_runs_purged_total"


@pytest.fixture
async def clock(database: str) -> AsyncIterator[MovedClock]:
    async with moved(database, datetime.now(UTC)) as found:
        yield found


@pytest.fixture
async def later(clock: MovedClock, database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[World]:
    """A world that goes by the moved clock."""
    async with world(database, own_nats.url, script) as found:
        yield found


def retention(shared: World) -> RetentionServiceStub:
    return RetentionServiceStub(shared.channel)


async def keep(shared: World, days: int, workspace_id: str = "*", state: str = "UNSPECIFIED") -> None:
    number = pb.WorkflowState.Value(f"WORKFLOW_STATE_{state}")
    request = ops.SetPolicyRequest(workspace_id=workspace_id, state=number, keep_seconds=days * DAY)
    await retention(shared).SetPolicy(request)


async def purge(shared: World, *states: str, **more: Any) -> ops.PurgeResponse:
    numbers = [pb.WorkflowState.Value(f"WORKFLOW_STATE_{state}") for state in states]
    request = ops.PurgeRequest(workspace_id=WORKSPACE, states=numbers, older_than_seconds=0, **more)
    return await retention(shared).Purge(request)


async def until_purged(shared: World, *run_ids: str) -> None:
    """A run goes when its last change is marked as published, and nobody tells when that is."""
    gone: set[str] = set()
    async with asyncio.timeout(60):
        while not gone.issuperset(run_ids):
            gone.update((await purge(shared)).run_ids)


async def completed(shared: World, **fields: Any) -> pb.WorkflowRun:
    run = await begin(shared, chain(task("sign")), **fields)
    await report(shared, run.id, "sign", "COMPLETED")
    await shared.until_told(run.id, "run.completed")
    return run


async def family(shared: World, like: pb.PublishVersionRequest | None = None) -> tuple[pb.WorkflowRun, pb.WorkflowRun]:
    """A parent that waits at a task of its own, and its child, which has completed."""
    called = await by_id(shared, like or chain(task("check")))
    parent = await begin(shared, chain(calling("call", called), task("after")))
    child = await child_of(shared, parent)
    await shared.until_step(child.id, "check", "WAITING")
    await report(shared, child.id, "check", "COMPLETED")
    await shared.until_step(parent.id, "after", "WAITING")
    return parent, child


async def gone(shared: World, run_id: str) -> bool:
    try:
        await shared.run(run_id)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return True
        raise
    return False


async def reason(call: Any) -> tuple[grpc.StatusCode, str]:
    error = await refused(call)
    return error.code, error.reason


# --- by policy -------------------------------------------------------------------------------------------------------


async def until_rested(database: str) -> None:
    """Until the pass is over, so that the clock decides when the next one begins."""
    async with asyncio.timeout(60), await psycopg.AsyncConnection.connect(database, autocommit=True) as owner:
        while await (await owner.execute("select from retention_turn where holder <> ''")).fetchall():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_policies_let_go_what_is_old_enough(later: World, clock: MovedClock, database: str) -> None:
    begun = datetime.now(UTC)
    old, held, going = await completed(later), await completed(later), await begin(later, chain(task("sign")))
    parent, child = await family(later)
    await report(later, parent.id, "after", "COMPLETED")
    cancelled = await begin(later, chain(task("sign")))
    await cancel(later, cancelled.id)
    for run_id, end in ((parent.id, "completed"), (child.id, "completed"), (cancelled.id, "cancel")):
        await later.until_told(run_id, f"run.{end}")
    await retention(later).HoldRun(ops.HoldRunRequest(run_id=held.id, reason="a complaint"))
    await keep(later, 90)
    await keep(later, 0, WORKSPACE, "CANCELLED")

    await clock.set(begun + timedelta(days=89))
    young = await completed(later)
    await clock.set(begun + timedelta(days=91))
    await until_scraped(later.http, lambda seen: seen.value(PURGED) == 3)
    runs = (old, parent, child, held, going, cancelled, young)
    assert [await gone(later, run.id) for run in runs] == [True] * 3 + [False] * 4

    await until_rested(database)
    await retention(later).ReleaseRun(ops.ReleaseRunRequest(run_id=held.id))
    await clock.set(begun + timedelta(days=180))
    await until_scraped(later.http, lambda seen: seen.value(PURGED) == 5)
    assert [await gone(later, run.id) for run in runs] == [True] * 4 + [False] * 2 + [True]


# --- at once ---------------------------------------------------------------------------------------------------------


async def test_a_dry_run_tells_what_then_goes(shared: World) -> None:
    run = await completed(shared)
    await until_purged(shared, (await completed(shared)).id)
    last = await completed(shared)
    async with asyncio.timeout(60):
        while not (foreseen := await purge(shared, dry_run=True)).run_ids:
            pass
    assert foreseen.run_ids == [last.id]
    assert not await gone(shared, last.id)
    assert (await purge(shared)).run_ids == [last.id]
    assert [await gone(shared, one.id) for one in (run, last)] == [True, True]


async def test_nothing_is_left_to_ask_about(shared: World, rows: Rows) -> None:
    run = await completed(shared)
    await until_purged(shared, run.id)
    runs = RunServiceStub(shared.channel)
    calls: list[Any] = [
        shared.stub.GetRun(pb.GetRunRequest(id=run.id)),
        runs.ExplainRun(runs_pb2.ExplainRunRequest(run_id=run.id)),
        runs.ListRunEvents(runs_pb2.ListRunEventsRequest(run_id=run.id)),
        runs.GetRunGraph(runs_pb2.GetRunGraphRequest(run_id=run.id)),
        retry_step(shared, run.id, "sign"),
        compensate(shared, run.id),
        fork(shared, run.id, "sign"),
        shared.start(run.definition_id, parent_run_id=run.id),
        shared.tasks.GetTask(tasks_pb2.GetTaskRequest(id=f"{run.id}/sign")),
        retention(shared).HoldRun(ops.HoldRunRequest(run_id=run.id, reason="too late")),
        retention(shared).ReleaseRun(ops.ReleaseRunRequest(run_id=run.id)),
    ]
    for call in calls:
        code, why = await reason(call)
        assert code is grpc.StatusCode.NOT_FOUND
        assert why in ("run_not_found", "task_not_found")
    found = await runs.SearchRuns(runs_pb2.SearchRunsRequest(workspace_id=WORKSPACE, parent_run_id=run.id))
    assert len(found.runs) == 0
    for table in ("step_runs", "human_tasks", "run_causes", "run_audit", "interactions", "run_effects"):
        assert await rows.of(table, run.id) == []


async def test_a_fork_goes_on_without_its_source(shared: World) -> None:
    source = await completed(shared)
    forked = await fork(shared, source.id, "sign")
    await until_purged(shared, source.id)
    explained = await RunServiceStub(shared.channel).ExplainRun(runs_pb2.ExplainRunRequest(run_id=forked.id))
    assert [step.step_id for step in explained.steps] == ["sign"]
    await report(shared, forked.id, "sign", "COMPLETED")
    assert (await shared.until_ended(forked.id)).state == pb.WORKFLOW_STATE_COMPLETED


async def test_a_key_whose_run_was_purged_starts_no_other(shared: World) -> None:
    definition = (await shared.publish(chain(task("sign")))).definition
    mine = key()
    request = pb.StartRunRequest(definition_id=definition.id)
    run = (await shared.stub.StartRun(request, metadata=mine)).run
    await report(shared, run.id, "sign", "COMPLETED")
    await until_purged(shared, run.id)
    assert await reason(shared.stub.StartRun(request, metadata=mine)) == (grpc.StatusCode.NOT_FOUND, "run_purged")


async def test_an_event_whose_run_was_purged_starts_no_other(shared: World) -> None:
    definition_id = await triggered(shared, on_event("purge.me"))
    request = handing_in("EVENT", str(uuid4()), event_type="purge.me")
    [run] = (await shared.stub.HandleTrigger(request)).started_runs
    await report(shared, run.id, "sign", "COMPLETED")
    await until_purged(shared, run.id)
    again = await shared.stub.HandleTrigger(request)
    assert (len(again.started_runs), len(again.updated_runs)) == (0, 0)
    by_hand = pb.StartRunRequest(
        definition_id=definition_id,
        trigger_type=pb.TRIGGER_TYPE_EVENT,
        trigger_event_id=request.trigger_event_id,
        input_payload=struct({}),
    )
    assert await reason(shared.stub.StartRun(by_hand)) == (grpc.StatusCode.NOT_FOUND, "run_purged")


async def test_a_parent_can_still_undo_its_child(shared: World) -> None:
    """However old the child is, and whatever is purged meanwhile."""
    like = chain(agent("make", compensation_step_id="unmake"), task("check"), agent("unmake"))
    del like.edges[1]
    parent, child = await family(shared, like)
    await report(shared, parent.id, "after", "FAILED", error_message="no")
    await until_state(shared, parent.id, pb.WORKFLOW_STATE_FAILED)
    await purge(shared, "COMPLETED")
    assert not await gone(shared, child.id)
    await compensate(shared, parent.id)
    await shared.until_told(child.id, "run.compensated")
    await shared.until_told(parent.id, "run.compensated")
    await until_purged(shared, parent.id, child.id)


async def test_of_a_purge_and_a_retry_one_wins_wholly(shared: World) -> None:
    failed = [await begin(shared, chain(task("sign"))) for _ in range(12)]
    for run in failed:
        await report(shared, run.id, "sign", "FAILED", error_message="no")
        await shared.until_told(run.id, "run.failed")

    async def retried(run_id: str) -> bool:
        try:
            return (await retry_step(shared, run_id, "sign")).state == pb.WORKFLOW_STATE_RUNNING
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return False
            raise

    retrying = asyncio.gather(*(retried(run.id) for run in failed))
    purged = await asyncio.gather(*(purge(shared, "FAILED", limit=3) for _ in range(4)))
    results = dict(zip((run.id for run in failed), await retrying, strict=True))
    went = {run_id for answer in purged for run_id in answer.run_ids}
    assert {run_id for run_id, done in results.items() if not done} == went & set(results)
    for run_id, done in results.items():
        assert await gone(shared, run_id) is not done
