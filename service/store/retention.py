"""Policies of how long runs are kept, and runs that are held: what operators set and see.

A hold locks its run against being purged before it is written, so of a hold and a purge that meet one wins wholly: the
run stays, or the holder hears that it is not there. A policy that is set or taken back has the next pass begin soon.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.domain.errors import Refusal, conflict, not_found
from service.domain.idempotency import Idem, Replayable
from service.domain.paging import Page
from service.domain.retention import Cut, Hold, PurgeRecord, RetentionPolicy
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import page_of
from service.store.pool import Connection, Pool
from service.store.queries import query
from service.store.repeatable import RepeatableCall, one


class RetentionBook:
    """Constructed with a pool of the engine's role. Raises Refusal, StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def policies(self, workspace_id: str | None) -> list[RetentionPolicy]:
        """What holds for a workspace, also where it holds for everyone; all without one."""
        rows = await self._pool.read(query("policies_list"), (workspace_id or EVERY_WORKSPACE,))
        return [policy_of(row) for row in rows]

    async def set_policy(self, wanted: RetentionPolicy, idem: Idem | None) -> Replayable[RetentionPolicy]:
        """A repeated call is answered with the policy as it was asked for."""
        state = wanted.state.value if wanted.state else ""
        async with self._pool.transaction() as connection:
            call = RepeatableCall("SetPolicy", wanted.workspace_id, idem)
            if await call.answered(connection) is not None:
                return Replayable(wanted, replay=True)
            params = (wanted.workspace_id, state, wanted.keep_seconds, wanted.set_by)
            row = await one(connection, "policy_set", params)
            assert row is not None
            await connection.execute(query("turn_hurry"))
            await call.answer(connection, {})
            return Replayable(policy_of(row))

    async def delete_policy(self, workspace_id: str, state: RunState | None, idem: Idem | None) -> Replayable[None]:
        async with self._pool.transaction() as connection:
            call = RepeatableCall("DeletePolicy", workspace_id, idem)
            if await call.answered(connection) is not None:
                return Replayable(None, replay=True)
            if await one(connection, "policy_delete", (workspace_id, state.value if state else "")) is None:
                raise _no_policy(workspace_id, state)
            await connection.execute(query("turn_hurry"))
            await call.answer(connection, {})
            return Replayable(None)

    async def hold(
        self, run_id: str, reason: str, visible: str | None, actor: str, idem: Idem | None
    ) -> Replayable[Hold]:
        """A run is held once: who has another reason has to wait until it is released, or the first would be lost."""
        async with self._pool.transaction() as connection:
            workspace_id = await _locked(connection, run_id, visible)
            call = RepeatableCall("HoldRun", workspace_id, idem)
            if answered := await call.answered(connection):
                at = datetime.fromisoformat(answered["held_at"])
                return Replayable(Hold(run_id, workspace_id, reason, actor, at), replay=True)
            held = await _held(connection, run_id, workspace_id, reason, actor)
            if (held.reason, held.held_by) != (reason, actor):
                raise conflict("run_held", f"the run is held already, by {held.held_by}: {held.reason}")
            await call.answer(connection, {"held_at": held.held_at})
            return Replayable(held)

    async def release(self, run_id: str, visible: str | None, idem: Idem | None) -> Replayable[Hold | None]:
        """The hold that was; None when a repeated call finds it gone, as it should be."""
        async with self._pool.transaction() as connection:
            workspace_id = await _locked(connection, run_id, visible)
            call = RepeatableCall("ReleaseRun", workspace_id, idem)
            if await call.answered(connection) is not None:
                return Replayable(None, replay=True)
            row = await one(connection, "hold_remove", (run_id,))
            if row is None:
                raise not_found("hold", run_id)
            await call.answer(connection, {})
            return Replayable(Hold(*row))


class RetentionReads:
    """Constructed with a pool of the reader's role. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def holds(self, workspace_id: str | None, limit: int, offset: int) -> Page[Hold]:
        """The latest first."""
        workspace = workspace_id or EVERY_WORKSPACE
        rows = await self._pool.read_as(workspace, query("holds_list"), (workspace, limit, offset))
        return page_of(rows, lambda row: Hold(*row))

    async def purges(self, workspace_id: str | None, limit: int, offset: int) -> Page[PurgeRecord]:
        """The latest first."""
        workspace = workspace_id or EVERY_WORKSPACE
        rows = await self._pool.read_as(workspace, query("purges_list"), (workspace, limit, offset))
        return page_of(rows, _record_of)


def _record_of(row: Sequence[Any]) -> PurgeRecord:
    number, workspace_id, purged_at, purged_by, policy, runs = row
    cuts = {RunState(state): _cut_of(kept) for state, kept in policy.items()}
    return PurgeRecord(number, workspace_id, purged_at, purged_by, cuts, runs)


def _cut_of(kept: int | str) -> Cut:
    return datetime.fromisoformat(kept) if isinstance(kept, str) else kept


def policy_of(row: Sequence[Any]) -> RetentionPolicy:
    workspace_id, state, keep_seconds, set_by, set_at = row
    return RetentionPolicy(workspace_id, RunState(state) if state else None, keep_seconds, set_by, set_at)


async def _locked(connection: Connection, run_id: str, visible: str | None) -> str:
    """The workspace of the run, which cannot be purged from here on."""
    row = await one(connection, "hold_lock", (run_id,))
    if row is None or visible not in (None, row[0]):
        raise not_found("run", run_id)
    workspace_id: str = row[0]
    return workspace_id


async def _held(connection: Connection, run_id: str, workspace_id: str, reason: str, actor: str) -> Hold:
    """The hold that there is, or a new one."""
    row = await one(connection, "hold_put", (run_id, workspace_id, reason, actor))
    assert row is not None
    return Hold(*row)


def _no_policy(workspace_id: str, state: RunState | None) -> Refusal:
    whose = "everyone" if workspace_id == EVERY_WORKSPACE else workspace_id
    return not_found("policy", f"{whose}/{state or 'all states'}")
