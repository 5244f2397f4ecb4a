"""Owed effects and due clocks, claimed in batches, and keys that have had their time: the engine's WorkStore.

A claim is one committed statement: the rows it gives are leased to the caller under a token that grew with the claim,
and every claimer passes over rows that another is claiming. Leases run on the database's clock. While more is due than
a claim takes, the workspaces have turns, so a flood in one of them does not keep the others waiting.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service.domain.effects import Owed
from service.engine.ports.work import DueRun, Work
from service.store.pool import Pool
from service.store.queries import joined, query


class WorkQueue:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._turn: str | None = None
        """Behind which workspace the next share begins; None while one claim takes all that is due."""

    async def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]:
        """What is due and held by nobody: the longest due, or shares for the workspaces after a claim that was full."""
        if self._turn is None:
            work, following = await self._claim("effects_due", limit, lease_seconds)
        else:
            work, following = await self._claim("effects_due_in_turn", limit, lease_seconds, self._turn)
        self._turn = following if len(work) == limit else None
        return work

    async def claim_stops(self, limit: int, lease_seconds: float) -> list[Work]:
        """Of what is due that which ends work, the longest due first."""
        work, _ = await self._claim("effects_due_to_stop", limit, lease_seconds)
        return work

    async def _claim(self, due: str, *params: object) -> tuple[list[Work], str]:
        """The effects that the arm `due` finds, and where the next walk begins."""
        rows = await self._pool.write(joined((due,), "effects_claim"), params)
        work = [replace(work_of(row), taken_over=taken_over) for *row, taken_over, _ in rows]
        return work, rows[0][-1] if rows else ""

    async def claim_due_runs(self, limit: int, lease_seconds: float) -> list[DueRun]:
        """Runs whose clock is due; each is due again after the lease unless it was moved meanwhile."""
        rows = await self._pool.write(query("runs_claim_due"), (limit, lease_seconds))
        return [DueRun(*row) for row in rows]

    async def drop_orphan(self, work: Work) -> bool:
        """Forgets what is owed by a run that is not there any more; False when the run is there."""
        return bool(await self._pool.write(query("orphan_drop"), (work.run_id, work.effect.id)))

    async def expire_keys(self, keep_seconds: float, limit: int) -> int:
        """Forgets callers' idempotency keys that are older, at most `limit` of each kind; gives how many."""
        rows = await self._pool.write(query("keys_expire"), (keep_seconds, limit))
        count: int = rows[0][0]
        return count


def work_of(row: Sequence[Any]) -> Work:
    """From run_id, workspace_id, request, trace, effect_id, step_id, attempt, kind, lease_token, tries."""
    run_id, workspace_id, request, trace, *effect = row
    return Work(run_id, workspace_id, Owed(*effect), request, trace)
