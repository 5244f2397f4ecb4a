"""Schedules as the wire's messages. It trusts the domain and cannot fail. Called by the servicer."""

from collections.abc import Sequence
from datetime import datetime

from workflows.ops.v1 import schedules_pb2 as ops

from service.domain.paging import Page
from service.domain.schedule import Schedule
from service.edge.wire import enums
from service.edge.wire.moments import moment
from service.engine.scheduler import Ticked


def schedule(value: Schedule) -> ops.Schedule:
    policy, pause = value.policy, value.pause
    return ops.Schedule(
        definition_id=value.definition_id,
        workspace_id=value.workspace_id,
        cron_expr=value.cron_expr,
        timezone=policy.timezone,
        overlap=enums.SCHEDULE_OVERLAP[policy.overlap],
        catch_up_seconds=policy.catch_up_seconds,
        jitter_seconds=policy.jitter_seconds,
        version=value.version,
        paused_at=moment(pause.at if pause else None),
        paused_by=pause.by if pause else "",
        pause_reason=pause.reason if pause else "",
        next_at=moment(None if pause else value.next_at),
        due_at=moment(None if pause else value.due_at),
        buffered_at=moment(value.buffered_at),
        last_tick_at=moment(value.last_tick_at),
        last_run_id=value.last_run_id,
        missed=value.missed,
        skipped=value.skipped,
    )


def schedules(page: Page[Schedule]) -> ops.ListSchedulesResponse:
    return ops.ListSchedulesResponse(schedules=map(schedule, page.rows), total=page.total)


def upcoming(ticks: Sequence[datetime]) -> ops.ListUpcomingResponse:
    return ops.ListUpcomingResponse(ticks=map(moment, ticks))


def backfilled(ticks: Sequence[Ticked]) -> ops.BackfillResponse:
    return ops.BackfillResponse(
        started=[_run(tick) for tick in ticks if tick.fresh],
        already_run=[_run(tick) for tick in ticks if not tick.fresh],
    )


def _run(value: Ticked) -> ops.TickedRun:
    return ops.TickedRun(tick=moment(value.tick), run_id=value.run_id)
