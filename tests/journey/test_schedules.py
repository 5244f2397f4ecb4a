"""A definition that starts itself by the clock, through the whole: ticks, a pause, a backfill, another trigger."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import schedules_pb2 as ops
from workflows.ops.v1.schedules_pb2_grpc import ScheduleServiceStub
from workflows.v1 import workflows_pb2 as pb

from tests.journey.acting import plain
from tests.journey.graphs import chain, task
from tests.world import PATIENCE_SECONDS, World

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def owner(shared_database: str) -> AsyncIterator[Owner]:
    async with await psycopg.AsyncConnection.connect(shared_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def schedules(shared: World) -> ScheduleServiceStub:
    return ScheduleServiceStub(shared.channel)


async def scheduled(shared: World, cron: str) -> pb.WorkflowDefinition:
    trigger = pb.WorkflowTrigger(trigger_type=pb.TRIGGER_TYPE_SCHEDULE, cron_expr=cron)
    return (await shared.publish(chain(task("look"), trigger=trigger))).definition


async def let_tick(owner: Owner, definition_id: str) -> datetime:
    """The schedule has stood at the minute that is now, and is due."""
    cursor = await owner.execute(
        "update schedules set next_at = date_trunc('minute', now()), due_at = date_trunc('minute', now())"
        " where definition_id = %s returning next_at",
        (definition_id,),
    )
    [(tick,)] = await cursor.fetchall()
    found: datetime = tick.astimezone(UTC)
    return found


async def until_started(shared: World, definition_id: str) -> pb.WorkflowRun:
    """The first run of the definition, once the bus tells of it."""

    def started() -> list[str]:
        told = (change for change in shared.changes if change.type == "workflows.changes.run.started")
        return [change.stream for change in told if definition_id in str(change.body)]

    async with asyncio.timeout(PATIENCE_SECONDS), shared.heard:
        await shared.heard.wait_for(started)
    return await shared.run(started()[0])


def wire(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def test_a_tick_starts_a_run_and_a_backfill_no_second_one(
    shared: World, schedules: ScheduleServiceStub, owner: Owner
) -> None:
    definition = await scheduled(shared, "* * * * *")
    tick = await let_tick(owner, definition.id)
    run = await until_started(shared, definition.id)
    minute = f"{tick:%Y-%m-%dT%H:%MZ}"
    assert (run.trigger_type, run.trigger_event_id) == (
        pb.TRIGGER_TYPE_SCHEDULE,
        f"tick:{definition.id}:{minute}",
    )
    assert plain(run.input_payload) == {"scheduled_at": minute}
    request = ops.BackfillRequest(definition_id=definition.id, to=wire(tick), **{"from": wire(tick - MINUTE)})
    filled = await schedules.Backfill(request)
    assert [found.run_id for found in filled.already_run] == [run.id]
    assert [found.tick.ToDatetime(UTC) for found in filled.started] == [tick - MINUTE]
    again = await schedules.Backfill(request)
    assert (len(again.started), len(again.already_run)) == (0, 2)


async def test_a_paused_schedule_tells_what_would_come_and_starts_nothing(
    shared: World, schedules: ScheduleServiceStub, owner: Owner
) -> None:
    definition = await scheduled(shared, "30 9 * * *")
    other = await scheduled(shared, "* * * * *")
    await schedules.SetSchedulePolicy(
        ops.SetSchedulePolicyRequest(definition_id=definition.id, timezone="Asia/Kolkata", expected_version=1)
    )
    await schedules.PauseSchedule(ops.PauseScheduleRequest(definition_id=definition.id, reason="holidays"))
    await let_tick(owner, definition.id)
    await let_tick(owner, other.id)
    await until_started(shared, other.id)
    cursor = await owner.execute("select count(*) from workflow_runs where definition_id = %s", (definition.id,))
    assert await cursor.fetchall() == [(0,)]
    coming = await schedules.ListUpcoming(ops.ListUpcomingRequest(definition_id=definition.id, count=3))
    assert [f"{tick.ToDatetime():%H:%M}" for tick in coming.ticks] == ["04:00"] * 3
    resumed = await schedules.ResumeSchedule(ops.ResumeScheduleRequest(definition_id=definition.id))
    assert resumed.schedule.next_at == coming.ticks[0]
    assert (resumed.schedule.missed, resumed.schedule.version) == (0, 2)


async def test_a_new_version_with_another_trigger_has_no_schedule(
    shared: World, schedules: ScheduleServiceStub
) -> None:
    definition = await scheduled(shared, "0 0 1 1 *")
    listed = await schedules.ListSchedules(ops.ListSchedulesRequest(workspace_id=definition.workspace_id, limit=500))
    assert definition.id in [found.definition_id for found in listed.schedules]
    await shared.publish(chain(task("look")), definition)
    listed = await schedules.ListSchedules(ops.ListSchedulesRequest(workspace_id=definition.workspace_id, limit=500))
    assert definition.id not in [found.definition_id for found in listed.schedules]
