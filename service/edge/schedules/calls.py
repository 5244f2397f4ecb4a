"""What the RPCs on schedules mean.

Policy and pause are changed in the store, in one transaction each. A backfill starts runs, so it goes through the
scheduler: its ticks have the same start keys as the clock's, and one that had its run gets no other.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Protocol

from service.domain.cron import ticks, ticks_after
from service.domain.errors import invalid
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.schedule import Schedule, SchedulePolicyChange, no_schedule
from service.edge.rpc import traces
from service.engine.scheduler import Scheduler, Ticked

MOST_BACKFILLED = 100


class Store(Protocol):
    """Changing schedules. Raises Refusal, StoreUnavailable."""

    async def pause(
        self, definition_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Schedule]: ...

    async def resume(self, definition_id: str, visible: str | None, idem: Idem | None) -> Replayable[Schedule]: ...

    async def set_policy(
        self, definition_id: str, wanted: SchedulePolicyChange, visible: str | None, idem: Idem | None
    ) -> Replayable[Schedule]: ...


class Reads(Protocol):
    """Reading schedules, seeing only what the workspace may see."""

    async def get(self, definition_id: str, visible: str | None) -> tuple[Schedule, datetime] | None:
        """With the database's clock."""
        ...

    async def list(self, workspace_id: str | None, limit: int, offset: int) -> Page[Schedule]: ...


class Schedules(Store, Protocol):
    """What the servicer asks for."""

    async def get(self, definition_id: str, visible: str | None) -> Schedule: ...

    async def list(self, workspace_id: str | None, limit: int, offset: int) -> Page[Schedule]: ...

    async def upcoming(self, definition_id: str, count: int, visible: str | None) -> Sequence[datetime]: ...

    async def backfill(
        self, definition_id: str, start: datetime, end: datetime, visible: str | None
    ) -> Sequence[Ticked]: ...


class EngineSchedules:
    def __init__(self, store: Store, reads: Reads, scheduler: Scheduler) -> None:
        self._reads = reads
        self._scheduler = scheduler
        self.pause, self.resume, self.set_policy = store.pause, store.resume, store.set_policy
        self.list = reads.list

    async def get(self, definition_id: str, visible: str | None) -> Schedule:
        """Raises Refusal."""
        return (await self._found(definition_id, visible))[0]

    async def upcoming(self, definition_id: str, count: int, visible: str | None) -> Sequence[datetime]:
        """The next ticks on the database's clock, as if the schedule were not paused. Raises Refusal."""
        schedule, now = await self._found(definition_id, visible)
        return list(islice(ticks_after(schedule.cron_expr, schedule.policy.timezone, now), count))

    async def backfill(
        self, definition_id: str, start: datetime, end: datetime, visible: str | None
    ) -> Sequence[Ticked]:
        """Runs for the ticks from `start` to `end`, both included, whatever pause and overlap say. Raises Refusal."""
        schedule, now = await self._found(definition_id, visible)
        if end > now:
            raise invalid("to", "in_the_future", "is in the future, and nothing is started early")
        wanted = ticks(schedule.cron_expr, schedule.policy.timezone, start, end, MOST_BACKFILLED + 1)
        if len(wanted) > MOST_BACKFILLED:
            raise invalid("to", "too_many_ticks", f"has more than {MOST_BACKFILLED} ticks between it and from")
        return await self._scheduler.start_ticks(schedule, wanted, traces.current())

    async def _found(self, definition_id: str, visible: str | None) -> tuple[Schedule, datetime]:
        found = await self._reads.get(definition_id, visible)
        if found is None:
            raise no_schedule(definition_id)
        return found
