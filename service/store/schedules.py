"""Schedules: claimed by the scheduler, changed by operators, swapped by publishing, and shown.

A claim is one statement on the database's clock and leases its rows. A move is written behind the tick that its
schedule stood at, so that of two that make the same move one does it; what operators change locks the row first and
is computed by the domain from what is locked.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from service.domain.definition import Trigger, TriggerType
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.schedule import (
    Move,
    Overlap,
    Pause,
    Schedule,
    SchedulePolicy,
    SchedulePolicyChange,
    begun,
    no_schedule,
    paused,
    resumed,
    with_cron,
    with_policy,
)
from service.domain.workspaces import EVERY_WORKSPACE
from service.engine.ports.schedules import DueSchedule
from service.store.codec import page_of
from service.store.pool import Connection, Pool
from service.store.queries import query
from service.store.repeatable import RepeatableCall, one

Change: TypeAlias = Callable[[Schedule, datetime], Schedule]
"""From a schedule and the database's clock to the schedule afterwards."""


class Schedules:
    """Constructed with a pool of the engine's role. Raises StoreUnavailable; what operators call also Refusal."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_schedules(self, limit: int, lease_seconds: float) -> list[DueSchedule]:
        """What is due, or may start what it has buffered, and is held by nobody."""
        rows = await self._pool.write(query("schedules_claim"), (limit, lease_seconds))
        return [DueSchedule(schedule_of(row), now, going, enabled) for now, going, enabled, *row in rows]

    async def move_on(self, schedule: Schedule, move: Move, run_id: str) -> None:
        """Moves the schedule on, if it still stands where it was claimed, and notes the run that was started."""
        stood = (schedule.definition_id, schedule.next_at, schedule.buffered_at)
        moved = (move.next_at, move.due_at, move.buffered_at, move.missed, move.skipped)
        async with self._pool.transaction() as connection:
            if run_id:
                await connection.execute(query("schedule_ran"), (schedule.definition_id, move.start, run_id))
            await connection.execute(query("schedule_move"), (*stood, *moved))

    async def pause(
        self, definition_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Schedule]:
        def change(schedule: Schedule, now: datetime) -> Schedule:
            return paused(schedule, Pause(actor, now, reason))

        return await self._change("PauseSchedule", definition_id, visible, idem, change)

    async def resume(self, definition_id: str, visible: str | None, idem: Idem | None) -> Replayable[Schedule]:
        return await self._change("ResumeSchedule", definition_id, visible, idem, resumed)

    async def set_policy(
        self, definition_id: str, wanted: SchedulePolicyChange, visible: str | None, idem: Idem | None
    ) -> Replayable[Schedule]:
        def change(schedule: Schedule, now: datetime) -> Schedule:
            return with_policy(schedule, wanted, now)

        return await self._change("SetSchedulePolicy", definition_id, visible, idem, change)

    async def _change(
        self, method: str, definition_id: str, visible: str | None, idem: Idem | None, change: Change
    ) -> Replayable[Schedule]:
        """A schedule's past is not kept: a repeated call is answered with the schedule as it is now."""
        async with self._pool.transaction() as connection:
            row = await one(connection, "schedule_lock", (definition_id,))
            if row is None or visible not in (None, row[2]):
                raise no_schedule(definition_id)
            now, schedule = row[0], schedule_of(row[1:])
            call = RepeatableCall(method, schedule.workspace_id, idem)
            if await call.answered(connection) is not None:
                return Replayable(schedule, replay=True)
            changed = change(schedule, now)
            await _put(connection, changed)
            await call.answer(connection, {})
            return Replayable(changed)


class ScheduleReads:
    """Constructed with a pool of the reader's role. Every method is one trip; raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def get(self, definition_id: str, visible: str | None) -> tuple[Schedule, datetime] | None:
        """With the database's clock; None when the workspace has no such schedule."""
        rows = await self._pool.read_as(visible or EVERY_WORKSPACE, query("schedule_get"), (definition_id,))
        return (schedule_of(rows[0][1:]), rows[0][0]) if rows else None

    async def list(self, workspace_id: str | None, limit: int, offset: int) -> Page[Schedule]:
        """Of the newest definitions first."""
        workspace = workspace_id or EVERY_WORKSPACE
        rows = await self._pool.read_as(workspace, query("schedules_list"), (workspace, limit, offset))
        return page_of(rows, schedule_of)


async def swap(connection: Connection, definition_id: str, workspace_id: str, trigger: Trigger | None) -> None:
    """What publishing a version does to the schedule of its definition, in the transaction that publishes."""
    if trigger is None or trigger.trigger_type is not TriggerType.SCHEDULE:
        await connection.execute(query("schedule_remove"), (definition_id,))
        return
    row = await one(connection, "schedule_lock", (definition_id,))
    if row is not None:
        await _put(connection, with_cron(schedule_of(row[1:]), trigger.cron_expr, row[0]))
        return
    clock = await one(connection, "clock", ())
    assert clock is not None
    await _put(connection, begun(definition_id, workspace_id, trigger.cron_expr, clock[0]))


async def _put(connection: Connection, schedule: Schedule) -> None:
    policy, pause = schedule.policy, schedule.pause
    rules = (policy.timezone, policy.overlap.value, policy.catch_up_seconds, policy.jitter_seconds)
    resting = (pause.at, pause.by, pause.reason) if pause else (None, "", "")
    about = (schedule.definition_id, schedule.workspace_id, schedule.cron_expr)
    stands = (schedule.next_at, schedule.due_at, schedule.buffered_at, schedule.version)
    await connection.execute(query("schedule_put"), (*about, *rules, *resting, *stands))


def schedule_of(row: Sequence[Any]) -> Schedule:
    """From the columns in the order of `schedule_get`, without its clock."""
    definition_id, workspace_id, cron_expr, timezone, overlap, catch_up, jitter, *rest = row
    paused_at, paused_by, reason, *stands = rest
    pause = Pause(paused_by, paused_at, reason) if paused_at else None
    next_at, due_at, buffered_at, last_tick_at, last_run_id, missed, skipped, version = stands
    return Schedule(
        definition_id=definition_id,
        workspace_id=workspace_id,
        cron_expr=cron_expr,
        policy=SchedulePolicy(timezone, Overlap(overlap), catch_up, jitter),
        next_at=next_at,
        due_at=due_at,
        pause=pause,
        buffered_at=buffered_at,
        last_tick_at=last_tick_at,
        last_run_id=last_run_id,
        missed=missed,
        skipped=skipped,
        version=version,
    )
