"""A stand-in for retention behind the edge."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.retention import Hold, Obstacle, PurgeRecord, PurgeRequest, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.engine.purging import Purged
from tests.edge.fakes import NOW, Fake

POLICY = RetentionPolicy("acme", RunState.FAILED, 86_400, "user:ann", NOW)
RECORD = PurgeRecord(3, "acme", NOW, "user:ann", {RunState.FAILED: 60, RunState.CANCELLED: NOW}, 12)
HOLD = Hold("wfr_1", "acme", "a complaint", "user:ann", NOW)


@dataclass
class FakeRetention(Fake):
    default_seconds: int = 3_600

    async def policies(self, workspace_id: str | None) -> Sequence[RetentionPolicy]:
        self._read(workspace_id)
        return [RetentionPolicy(EVERY_WORKSPACE, None, 0, "user:bob", NOW), POLICY]

    async def set_policy(self, wanted: RetentionPolicy, idem: Idem | None) -> Replayable[RetentionPolicy]:
        await self._write((wanted, idem))
        return Replayable(POLICY, self.replay)

    async def delete_policy(self, workspace_id: str, state: RunState | None, idem: Idem | None) -> Replayable[None]:
        await self._write((workspace_id, state, idem))
        return Replayable(None, self.replay)

    async def hold(
        self, run_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Hold]:
        await self._write((run_id, reason, visible, actor, idem))
        return Replayable(HOLD, self.replay)

    async def release(self, run_id: str, visible: str | None, idem: Idem | None) -> Replayable[Hold | None]:
        await self._write((run_id, visible, idem))
        return Replayable(None if self.replay else HOLD, self.replay)

    async def holds(self, workspace_id: str | None, limit: int, offset: int) -> Page[Hold]:
        self._read((workspace_id, limit, offset))
        return Page([HOLD], 7)

    async def purges(self, workspace_id: str | None, limit: int, offset: int) -> Page[PurgeRecord]:
        self._read((workspace_id, limit, offset))
        return Page([RECORD], 7)

    async def purge(self, request: PurgeRequest, actor: str) -> Purged:
        await self._write((request, actor))
        left = Counter({Obstacle.HELD: 2, Obstacle.ALIVE: 1})
        return Purged([f"wfr_{number}" for number in range(101)], left, more=True)
