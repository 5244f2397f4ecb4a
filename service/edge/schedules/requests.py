"""Requests about schedules: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once; whether the schedule exists, and what depends on its
ticks or on the clock, is for the application. Called by the servicer of schedules.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from workflows.ops.v1 import schedules_pb2 as ops

from service.domain.config import MAX_SECONDS
from service.domain.cron import timezones
from service.domain.schedule import DAY_SECONDS, SchedulePolicyChange
from service.edge.gate.caller import Caller
from service.edge.wire import enums
from service.edge.wire.checks import Checks, Window

MOST_UPCOMING = 100
DEFAULT_UPCOMING = 10
OLDEST_YEAR = 1970

OfSchedule: TypeAlias = ops.GetScheduleRequest | ops.ResumeScheduleRequest


@dataclass(frozen=True, slots=True)
class Range:
    """Ticks of a definition, both ends included."""

    definition_id: str
    start: datetime
    end: datetime


def named(request: OfSchedule) -> str:
    """The definition's id."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.settle()
    return request.definition_id


def schedule_list(request: ops.ListSchedulesRequest, caller: Caller) -> tuple[str | None, Window]:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return workspace_id or None, window


def pause(request: ops.PauseScheduleRequest) -> tuple[str, str]:
    """The definition's id and the reason."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.text("reason", request.reason)
    checks.settle()
    return request.definition_id, request.reason


def policy(request: ops.SetSchedulePolicyRequest) -> tuple[str, SchedulePolicyChange]:
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    checks.not_negative("expected_version", request.expected_version)
    if request.timezone and request.timezone not in timezones():
        checks.note("timezone", "unknown_timezone", "is not the IANA name of a time zone")
    change = SchedulePolicyChange(
        timezone=request.timezone or None,
        overlap=checks.member("overlap", request.overlap, enums.SCHEDULE_OVERLAP_OF),
        catch_up_seconds=_seconds(checks, request, "catch_up_seconds", MAX_SECONDS),
        jitter_seconds=_seconds(checks, request, "jitter_seconds", DAY_SECONDS),
        expected_version=request.expected_version,
    )
    checks.settle()
    return request.definition_id, change


def upcoming(request: ops.ListUpcomingRequest) -> tuple[str, int]:
    """The definition's id and how many ticks."""
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    if checks.not_negative("count", request.count) > MOST_UPCOMING:
        checks.note("count", "too_many", f"is more than {MOST_UPCOMING}")
    checks.settle()
    return request.definition_id, request.count or DEFAULT_UPCOMING


def backfill(request: ops.BackfillRequest) -> Range:
    checks = Checks.of(request)
    checks.id("definition_id", request.definition_id, required=True)
    start, end = _end(checks, request, "from"), _end(checks, request, "to")
    if start and end and end < start:
        checks.note("to", "out_of_order", "is before from")
    checks.settle()
    assert start is not None
    assert end is not None
    return Range(request.definition_id, start, end)


def _end(checks: Checks, request: ops.BackfillRequest, field: str) -> datetime | None:
    if not request.HasField(field):  # type: ignore[arg-type]
        checks.note(field, "required", "is required")
        return None
    moment = checks.moment(field, getattr(request, field))
    if moment and moment.year < OLDEST_YEAR:
        checks.note(field, "out_of_range", f"is before {OLDEST_YEAR}")
    return moment


def _seconds(checks: Checks, request: ops.SetSchedulePolicyRequest, field: str, most: int) -> int | None:
    """None when it was not said."""
    if not request.HasField(field):  # type: ignore[arg-type]
        return None
    seconds: int = checks.not_negative(field, getattr(request, field))
    if seconds > most:
        checks.note(field, "absurd_duration", f"are more than {most}")
    return seconds
