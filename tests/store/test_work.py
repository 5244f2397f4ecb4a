"""Owed effects and due clocks: claimed once, by lease, and again when the holder died."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg

from service.domain import start_keys
from service.domain.decision import Postponed
from service.domain.idempotency import Idem
from service.engine.ports.work import DueRun, Work
from service.store.runs import Runs
from service.store.work import WorkQueue
from tests.store.decisions import LEASE, START_TRACE, STEP_TRACE, effect, moved, owed, run, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


async def test_what_is_leased_is_not_claimed(runs: Runs, work: WorkQueue) -> None:
    await store(runs, owed=(effect(),))
    assert await work.claim_effects(10, LEASE) == []


async def test_an_expired_lease_is_claimed_under_the_next_token(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    begun = await store(runs, owed=(effect(),))
    await owner.execute("update run_effects set lease_until = now()")
    claimed = Work(begun.id, "ws_1", owed(token=2), b"bytes", STEP_TRACE, taken_over=True)
    assert await work.claim_effects(10, LEASE) == [claimed]
    assert await work.claim_effects(10, LEASE) == []


async def test_a_postponed_effect_is_claimed_when_it_is_due(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    begun = await store(runs, owed=(effect(),))
    await runs.apply(untold(begun, postponed=(Postponed(owed(), 3600.0, "refused"),)), {}, LEASE)
    assert await work.claim_effects(10, LEASE) == []
    await owner.execute("update run_effects set due_at = now()")
    assert await work.claim_effects(10, LEASE) == [
        Work(begun.id, "ws_1", replace(owed(token=2), tries=1), b"bytes", STEP_TRACE)
    ]


async def test_claimers_share_and_never_repeat(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    await store(runs, owed=tuple(effect(f"a/1/{number}") for number in range(40)))
    await owner.execute("update run_effects set lease_until = now()")
    claims = await asyncio.gather(*(work.claim_effects(10, LEASE) for _ in range(4)))
    claimed = [item.effect.id for claim in claims for item in claim]
    assert len(claimed) == len(set(claimed))
    left = await work.claim_effects(100, LEASE)
    assert len(claimed) + len(left) == 40
    assert all(len(claim) <= 10 for claim in claims)


async def test_a_due_clock_is_claimed_once_per_lease(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    due = await store(runs)
    await store(runs, replace(run(), deadline_at=None))
    [(now,)] = await (await owner.execute("select now()")).fetchall()
    await store(runs, replace(run(), deadline_at=now + timedelta(hours=1)))
    assert await work.claim_due_runs(10, LEASE) == [DueRun(due.id, START_TRACE)]
    assert await work.claim_due_runs(10, LEASE) == []
    await owner.execute("update workflow_runs set wake_at = now() where id = %s", (due.id,))
    assert await work.claim_due_runs(10, LEASE) == [DueRun(due.id, START_TRACE)]


async def test_a_claimed_clock_does_not_break_the_fence(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    begun = await store(runs)
    await work.claim_due_runs(10, LEASE)
    await runs.apply(moved(begun), {}, LEASE)
    cursor = await owner.execute("select version, wake_at from workflow_runs")
    assert await cursor.fetchall() == [(2, begun.deadline_at)]


async def test_callers_keys_are_forgotten_in_time_and_events_never(work: WorkQueue, owner: Owner) -> None:
    ann, bob = (Idem(name, "k", b"") for name in ("ann", "bob"))
    begun = {
        start_keys.by_call("ws_1", "wfr_1", ann): 25,
        start_keys.by_call("ws_1", "wfr_1", ann, start_keys.FORK): 25,
        start_keys.by_call("ws_1", "wfr_1", bob): 23,
        start_keys.by_event("ws_1", "wf_1", "e"): 9000,
    }
    for key, hours in begun.items():
        await owner.execute(
            "insert into start_keys (workspace_id, scope, key, digest, run_id, sequence, created_at)"
            " values (%s, %s, %s, '', 'wfr_1', 1, now() - %s * interval '1 hour')",
            (key.workspace_id, key.scope, key.key, hours),
        )
    await owner.execute(
        "insert into run_causes (run_id, cause, digest, sequence, workspace_id, at)"
        " select 'wfr_1', cause, '', 1, 'ws_1', now() - interval '25 hours'"
        " from (values ('rpc:ann:k'), ('event:e')) v(cause)"
    )
    assert await work.expire_keys(24 * 3600, 10) == 3
    left = await (await owner.execute("select scope from start_keys order by 1")).fetchall()
    assert left == [("event:wf_1",), ("rpc:bob",)]
    assert await (await owner.execute("select cause from run_causes")).fetchall() == [("event:e",)]


async def test_only_what_nobody_owes_any_more_is_dropped(runs: Runs, work: WorkQueue, owner: Owner) -> None:
    begun = await store(runs, owed=(effect(),))
    owing = Work(begun.id, "ws_1", owed(), b"bytes")
    assert not await work.drop_orphan(owing)
    await owner.execute("delete from workflow_runs")
    assert await work.drop_orphan(owing)
    assert not await work.drop_orphan(owing)
