"""A stand-in for the schedules behind the edge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.schedule import Overlap, Pause, Schedule, SchedulePolicy, SchedulePolicyChange
from service.engine.scheduler import Ticked
from tests.edge.fakes import NOW, Fake


def schedule(**changes: Any) -> Schedule:
    made = Schedule(
        definition_id="wf_1",
        workspace_id="acme",
        cron_expr="30 2 * * *",
        policy=SchedulePolicy("Europe/Berlin", Overlap.BUFFER_ONE, 600, 30),
        next_at=NOW,
        due_at=NOW + timedelta(seconds=7),
        buffered_at=NOW - timedelta(hours=1),
        last_tick_at=NOW - timedelta(hours=2),
        last_run_id="wfr_1",
        missed=4,
        skipped=5,
        version=6,
    )
    return replace(made, **changes)


@dataclass
class FakeSchedules(Fake):
    async def get(self, definition_id: str, visible: str | None) -> Schedule:
        self._read((definition_id, visible))
        return schedule()

    async def list(self, workspace_id: str | None, limit: int, offset: int) -> Page[Schedule]:
        self._read((workspace_id, limit, offset))
        return Page([schedule(), schedule(definition_id="wf_2")], 13)

    async def pause(
        self, definition_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Schedule]:
        await self._write((definition_id, reason, visible, actor, idem))
        return Replayable(schedule(pause=Pause(actor, NOW, reason)), self.replay)

    async def resume(self, definition_id: str, visible: str | None, idem: Idem | None) -> Replayable[Schedule]:
        await self._write((definition_id, visible, idem))
        return Replayable(schedule(), self.replay)

    async def set_policy(
        self, definition_id: str, wanted: SchedulePolicyChange, visible: str | None, idem: Idem | None
    ) -> Replayable[Schedule]:
        await self._write((definition_id, wanted, visible, idem))
        return Replayable(schedule(), self.replay)

    async def upcoming(self, definition_id: str, count: int, visible: str | None) -> Sequence[datetime]:
        self._read((definition_id, count, visible))
        return [NOW, NOW + timedelta(days=1)]

    async def backfill(
        self, definition_id: str, start: datetime, end: datetime, visible: str | None
    ) -> Sequence[Ticked]:
        await self._write((definition_id, start, end, visible))
        return [Ticked(start, "wfr_1", fresh=False), Ticked(end, "wfr_2", fresh=True)]
