"""The schedule of a definition: its policy, where it stands, and what is to be done now.

A schedule stands at one tick (`next_at`) and is due when that tick's jitter has passed (`due_at`). `next_move` takes
the database's clock, decides what happens to all ticks that are due by now, and moves the schedule on: of several ticks
that were missed only the last is made up for, and only within the catch-up window. A tick is late after a minute.

Invariant: a move starts at most one run, for a tick that is not in the future, and moves on; the start key made of the
tick keeps a repeated move from starting it twice. Called by the scheduler; the store keeps what it gives.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from service.domain.cron import ticks_after
from service.domain.errors import Kind, Refusal, conflict

ON_TIME = timedelta(minutes=1)
"""A tick that is performed this soon is not late, whatever the catch-up window."""

DAY_SECONDS = 86_400
MOST_TICKS = 500
"""How many ticks one move looks at; of a longer downtime the next ones see the rest."""


class Overlap(StrEnum):
    """What happens to a tick while the run of an earlier one still goes on."""

    ALLOW = "ALLOW"  # both go on
    SKIP = "SKIP"  # the tick is skipped
    BUFFER_ONE = "BUFFER_ONE"  # one tick is remembered until that run has ended, further ones are skipped
    CANCEL_OTHER = "CANCEL_OTHER"  # that run is cancelled first


@dataclass(frozen=True, slots=True)
class SchedulePolicy:
    """How the ticks of a cron expression are run; kept when a new version is published."""

    timezone: str = "UTC"
    overlap: Overlap = Overlap.ALLOW
    catch_up_seconds: int = DAY_SECONDS
    jitter_seconds: int = 0


@dataclass(frozen=True, slots=True)
class SchedulePolicyChange:
    """None leaves a part as it is. `expected_version` is the one its sender saw; 0 means any."""

    timezone: str | None = None
    overlap: Overlap | None = None
    catch_up_seconds: int | None = None
    jitter_seconds: int | None = None
    expected_version: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """`missed` counts ticks that passed unseen, `skipped` those the overlap policy left out; `version` the policies."""

    definition_id: str
    workspace_id: str
    cron_expr: str
    policy: SchedulePolicy
    next_at: datetime
    due_at: datetime
    pause: Pause | None = None
    buffered_at: datetime | None = None
    last_tick_at: datetime | None = None
    last_run_id: str = ""
    missed: int = 0
    skipped: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Move:
    """What is done now: the tick to start a run for, if any, and where the schedule stands afterwards."""

    next_at: datetime
    due_at: datetime
    start: datetime | None = None
    cancel_last: bool = False
    buffered_at: datetime | None = None
    missed: int = 0
    skipped: int = 0

    def refused(self) -> "Move":
        """The same when no run can be started for its tick, now or ever: the tick is skipped."""
        return replace(self, start=None, skipped=self.skipped + 1)


class Stand(NamedTuple):
    """A tick, and when it is due."""

    tick: datetime
    due_at: datetime


def next_move(schedule: Schedule, now: datetime, *, going: bool, enabled: bool) -> Move:
    """`going`: the run of the last tick has not ended yet. A definition that is not `enabled` lets its ticks pass."""
    if not enabled:
        return Move(*stand(schedule.definition_id, schedule.cron_expr, schedule.policy, now))
    if schedule.buffered_at and not going:
        return Move(schedule.next_at, schedule.due_at, start=schedule.buffered_at)
    due, stands = _due_by(schedule, now)
    moved = Move(*stands, buffered_at=schedule.buffered_at, missed=len(due))
    if not due or stands.due_at <= now or now - due[-1].due_at > _patience(schedule.policy):
        return moved
    return _performed(schedule, due[-1].tick, replace(moved, missed=len(due) - 1), going)


def _performed(schedule: Schedule, tick: datetime, moved: Move, going: bool) -> Move:
    overlap = schedule.policy.overlap
    if not going or overlap is Overlap.ALLOW:
        return replace(moved, start=tick)
    if overlap is Overlap.CANCEL_OTHER:
        return replace(moved, start=tick, cancel_last=True)
    if overlap is Overlap.BUFFER_ONE and not schedule.buffered_at:
        return replace(moved, buffered_at=tick)
    return replace(moved, skipped=1)


def _due_by(schedule: Schedule, now: datetime) -> tuple[list[Stand], Stand]:
    """What is due by now, at most MOST_TICKS, and what follows."""
    stands = _stands(schedule.definition_id, schedule.cron_expr, schedule.policy, _just_before(schedule.next_at))
    due: list[Stand] = []
    following = next(stands)
    while following.due_at <= now and len(due) < MOST_TICKS:
        due.append(following)
        following = next(stands)
    return due, following


# --- what operators and publishers change ----------------------------------------------------------------------------


def begun(definition_id: str, workspace_id: str, cron_expr: str, now: datetime) -> Schedule:
    """A schedule as it is first published."""
    return Schedule(
        definition_id,
        workspace_id,
        cron_expr,
        SchedulePolicy(),
        *stand(definition_id, cron_expr, SchedulePolicy(), now),
    )


def with_cron(schedule: Schedule, cron_expr: str, now: datetime) -> Schedule:
    """A new version's expression; the policy stays, and the same expression changes nothing."""
    if cron_expr == schedule.cron_expr:
        return schedule
    return _standing(replace(schedule, cron_expr=cron_expr), now)


def with_policy(schedule: Schedule, change: SchedulePolicyChange, now: datetime) -> Schedule:
    """Another zone has other ticks, from now on. Raises Refusal when the policy is not the one its sender saw."""
    if change.expected_version not in (0, schedule.version):
        seen = change.expected_version
        raise conflict("schedule_version", f"the schedule is at version {schedule.version}, not {seen}")
    named = ("timezone", "overlap", "catch_up_seconds", "jitter_seconds")
    said = {name: value for name in named if (value := getattr(change, name)) is not None}
    changed = replace(schedule, policy=replace(schedule.policy, **said), version=schedule.version + 1)
    moved = changed.policy.timezone != schedule.policy.timezone
    return _standing(changed, now if moved else _just_before(schedule.next_at))


def no_schedule(definition_id: str) -> Refusal:
    """Also for a definition that does not exist or is not the caller's: nobody is told which of them it is."""
    why = "there is none, or the clock does not start its latest version"
    return Refusal(Kind.NOT_FOUND, "schedule_not_found", f"definition {definition_id!r} has no schedule: {why}")


def paused(schedule: Schedule, pause: Pause) -> Schedule:
    """What was buffered is forgotten. Pausing again leaves the first pause as it was."""
    return schedule if schedule.pause else replace(schedule, pause=pause, buffered_at=None)


def resumed(schedule: Schedule, now: datetime) -> Schedule:
    """Goes on with the first tick after now; what passed meanwhile was not missed."""
    return _standing(replace(schedule, pause=None), now) if schedule.pause else schedule


def _standing(schedule: Schedule, after: datetime) -> Schedule:
    tick, due_at = stand(schedule.definition_id, schedule.cron_expr, schedule.policy, after)
    return replace(schedule, next_at=tick, due_at=due_at)


def _just_before(tick: datetime) -> datetime:
    return tick - timedelta.resolution


# --- ticks -----------------------------------------------------------------------------------------------------------


def stand(definition_id: str, cron_expr: str, policy: SchedulePolicy, after: datetime) -> Stand:
    """The first tick later than that moment."""
    return next(_stands(definition_id, cron_expr, policy, after))


def tick_key(tick: datetime) -> str:
    """The minute of a tick, by which its run is known: `2026-03-29T01:00Z`."""
    return f"{tick.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def _stands(definition_id: str, cron_expr: str, policy: SchedulePolicy, after: datetime) -> Iterator[Stand]:
    for tick, following in pairwise(ticks_after(cron_expr, policy.timezone, after)):
        yield Stand(tick, tick + _jitter(definition_id, policy.jitter_seconds, tick, following))


def _jitter(definition_id: str, jitter_seconds: int, tick: datetime, following: datetime) -> timedelta:
    """The same for the same tick wherever it is asked for, and never up to the following tick."""
    room = min(jitter_seconds + 1, int((following - tick).total_seconds()))
    drawn = int.from_bytes(sha256(f"{definition_id} {tick_key(tick)}".encode()).digest()[:8])
    return timedelta(seconds=drawn % room)


def _patience(policy: SchedulePolicy) -> timedelta:
    return max(ON_TIME, timedelta(seconds=policy.catch_up_seconds))
