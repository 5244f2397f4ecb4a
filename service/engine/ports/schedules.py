"""Schedules whose tick is due, claimed under a lease and moved on behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.domain.schedule import Move, Schedule


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A claimed schedule: `now` is the database's clock, `going` whether the run of its last tick has not ended yet,
    `enabled` whether its definition may start runs."""

    schedule: Schedule
    now: datetime
    going: bool
    enabled: bool


class ScheduleStore(Protocol):
    """Schedules, claimed under a lease and moved on behind the tick they stood at."""

    async def claim_schedules(self, limit: int, lease_seconds: float) -> list[DueSchedule]: ...

    async def move_on(self, schedule: Schedule, move: Move, run_id: str) -> None:
        """Moves the schedule on from where it was claimed; `run_id` is empty when it started nothing."""
        ...
