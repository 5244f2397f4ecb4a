"""The fence: one winner, all of a decision or nothing of it."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from service.domain.decision import Audit, Decision, Guard, Postponed, Seen, Wait
from service.domain.state import StepRun
from service.engine.ports.failures import StaleRun
from service.engine.ports.runs import Applied
from service.store.runs import Runs
from tests.store.decisions import LEASE, effect, key_of, moved, owed, run, started, store, untold

Owner = psycopg.AsyncConnection[tuple[Any, ...]]
TABLES = ("workflow_runs", "step_runs", "changes", "run_effects", "run_waits", "run_causes", "run_audit", "start_keys")


async def contents(owner: Owner) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for table in TABLES:
        cursor = await owner.execute(f"select to_jsonb(t)::text from {table} t order by 1".encode())
        found[table] = await cursor.fetchall()
    return found


async def rows(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    return await (await owner.execute(statement.encode())).fetchall()


async def test_a_started_run_loads_as_it_was_written(runs: Runs) -> None:
    begun = await store(runs)
    snapshot = await runs.load(begun.id)
    assert snapshot is not None
    assert snapshot.run == begun
    assert list(snapshot.run.steps) == ["a", "b", "c"]


async def test_an_applied_run_loads_as_it_was_decided(runs: Runs) -> None:
    decision = moved(await store(runs), cost="0.021000000000000000000001")
    applied = await runs.apply(decision, {}, LEASE)
    snapshot = await runs.load(decision.run.id)
    assert snapshot is not None
    assert snapshot.run == replace(decision.run, version=2)
    assert applied.version == 2
    assert applied.now <= snapshot.now


async def test_an_unknown_run_is_none(runs: Runs) -> None:
    assert await runs.load("wfr_none") is None


async def test_a_step_that_comes_later_goes_last(runs: Runs) -> None:
    before = await store(runs)
    added = StepRun("undo", "Undo", before.steps["a"].step_type)
    after = replace(before, steps={**before.steps, "undo": added})
    await runs.apply(replace(untold(before), run=after), {}, LEASE)
    snapshot = await runs.load(before.id)
    assert snapshot is not None
    assert list(snapshot.run.steps) == ["a", "b", "c", "undo"]


async def test_a_stale_version_writes_nothing(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    await runs.apply(moved(before), {}, LEASE)
    written = await contents(owner)
    late = moved(
        before,
        "b",
        owed=(effect("b/1/x"),),
        opened=(Wait("b", "event:x"),),
        guards=(Guard("rpc:late", b"1"),),
        audits=(Audit("b", "TransitionStep", "late", "too late", "user:ann", "rpc:late"),),
    )
    with pytest.raises(StaleRun):
        await runs.apply(late, {"b/1/x": b"bytes"}, LEASE)
    assert await contents(owner) == written


async def test_of_racing_applies_one_wins_each_round(runs: Runs, owner: Owner) -> None:
    current = await store(runs)
    for number in range(100):
        results = await asyncio.gather(
            runs.apply(moved(current, "a", str(number)), {}, LEASE),
            runs.apply(moved(current, "b", str(number)), {}, LEASE),
            return_exceptions=True,
        )
        assert {type(result) for result in results} == {Applied, StaleRun}
        snapshot = await runs.load(current.id)
        assert snapshot is not None
        current = snapshot.run
    sequences = await rows(owner, "select sequence from changes order by sequence")
    assert [number for (number,) in sequences] == list(range(1, 102))
    assert current.version == 101


async def test_a_cause_counts_once(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    guarded = moved(before, guards=(Guard("rpc:key", b"\x00\xff"),))
    applied = await runs.apply(guarded, {}, LEASE)
    written = await contents(owner)
    again = moved(replace(guarded.run, version=applied.version), "b", guards=(Guard("rpc:key", b"other"),))
    with pytest.raises(StaleRun):
        await runs.apply(again, {}, LEASE)
    assert await contents(owner) == written
    snapshot = await runs.load(before.id, ["rpc:key", "rpc:other"])
    assert snapshot is not None
    assert snapshot.seen == {"rpc:key": Seen(b"\x00\xff", 2)}


async def test_owed_effects_are_leased_and_settled(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    applied = await runs.apply(untold(before, owed=(effect(),)), {effect().id: b"\x00raw"}, LEASE)
    found = await rows(owner, "select effect_id, request, lease_token, lease_until > now(), tries from run_effects")
    assert found == [(effect().id, b"\x00raw", 1, True, 0)]
    held = await runs.load(before.id, (), [owed(), owed(token=2), owed("a/1/other")])
    assert held is not None
    assert held.held == {effect().id}
    await runs.apply(untold(replace(before, version=applied.version), settled=(owed(),)), {}, LEASE)
    assert await rows(owner, "select from run_effects") == []


async def test_a_postponed_effect_waits_and_counts(runs: Runs, owner: Owner) -> None:
    before = await store(runs, owed=(effect(),))
    await runs.apply(untold(before, postponed=(Postponed(owed(), 60.0, "refused"),)), {}, LEASE)
    found = await rows(
        owner,
        "select tries, lease_until, last_error, due_at > now() + interval '50 s' and due_at < now() + interval '61 s'"
        "  from run_effects",
    )
    assert found == [(1, None, "refused", True)]


@pytest.mark.parametrize("answer", ["settled", "postponed"])
async def test_a_lost_lease_writes_nothing(runs: Runs, owner: Owner, answer: str) -> None:
    before = await store(runs, owed=(effect(), effect("a/1/other")))
    await owner.execute("update run_effects set lease_token = 2 where effect_id = 'a/1/cancel'")
    written = await contents(owner)
    late = Postponed(owed(), 1.0, "refused")
    answered: dict[str, Any] = {"settled": (owed("a/1/other"), owed())}
    if answer == "postponed":
        answered = {"settled": (owed("a/1/other"),), "postponed": (late,)}
    with pytest.raises(StaleRun):
        await runs.apply(moved(before, **answered), {}, LEASE)
    assert await contents(owner) == written


async def test_a_claim_and_an_answer_never_both_count(runs: Runs, owner: Owner, database: str) -> None:
    """The claim is under way when the answer comes: the answer waits for it and then misses."""
    before = await store(runs, owed=(effect(),))
    async with await psycopg.AsyncConnection.connect(database) as claimer:
        await claimer.execute("update run_effects set lease_token = lease_token + 1")
        answer = asyncio.create_task(runs.apply(moved(before, settled=(owed(),)), {}, LEASE))
        await _blocked(owner)
        await claimer.commit()
        with pytest.raises(StaleRun):
            await answer
    assert await rows(owner, "select lease_token from run_effects") == [(2,)]
    assert await rows(owner, "select version from workflow_runs") == [(1,)]


async def _blocked(owner: Owner) -> None:
    async with asyncio.timeout(60):
        while True:
            if await rows(owner, "select from pg_locks where not granted"):
                return


async def test_waits_open_and_close(runs: Runs, owner: Owner) -> None:
    before = await store(runs, opened=(Wait("a", "event:x.*"), Wait("b", "objective:1")))
    await runs.apply(untold(before, opened=(Wait("a", "event:y"),), closed=(Wait("a", "event:x.*"),)), {}, LEASE)
    found = await rows(owner, "select step_id, address, workspace_id from run_waits order by 1, 2")
    assert found == [("a", "event:y", "ws_1"), ("b", "objective:1", "ws_1")]


async def test_what_changed_nothing_is_audited(runs: Runs, owner: Owner) -> None:
    before = await store(runs)
    audit = Audit("a", "TransitionStep", "step_ended", "the step has ended", "user:bob", "rpc:9")
    applied = await runs.apply(untold(before, audits=(audit,)), {}, LEASE)
    found = await rows(owner, "select step_id, command, reason, message, actor, cause, workspace_id from run_audit")
    assert found == [("a", "TransitionStep", "step_ended", "the step has ended", "user:bob", "rpc:9", "ws_1")]
    assert applied.version == 2


async def test_the_clock_is_indexed_by_what_is_due_first(runs: Runs, owner: Owner) -> None:
    begun = await store(runs)
    assert await rows(owner, "select wake_at from workflow_runs") == [(begun.deadline_at,)]


async def test_a_start_key_starts_one_run(runs: Runs, owner: Owner) -> None:
    first, second = run(), run()
    answers = await asyncio.gather(
        *(runs.start(key_of(one, "key", one.id.encode()), started(one), {}, LEASE) for one in (first, second))
    )
    fresh = [answer for answer in answers if answer.fresh]
    assert len(fresh) == 1
    assert {answer.run_id for answer in answers} == {fresh[0].run_id}
    assert {answer.digest for answer in answers} == {fresh[0].run_id.encode()}
    assert {answer.sequence for answer in answers} == {1}
    assert await rows(owner, "select id from workflow_runs") == [(fresh[0].run_id,)]
    assert await rows(owner, "select count(*) from step_runs") == [(3,)]


async def test_a_tree_of_runs_is_counted_from_its_root(runs: Runs) -> None:
    root = await store(runs)
    children = [await store(runs, run(parent_run_id=root.id)) for _ in range(3)]
    grandchild = await store(runs, run(parent_run_id=children[1].id))
    await store(runs)
    for one in (root, children[2], grandchild):
        assert await runs.tree(one.id, 100) == (root.id, 5)
    assert await runs.tree(grandchild.id, 4) == (root.id, 4)
    orphan = await store(runs, run(parent_run_id="wfr_purged"))
    assert await runs.tree(orphan.id, 100) == (orphan.id, 1)
    assert await runs.tree("wfr_nobody", 100) == ("wfr_nobody", 0)


async def test_a_start_brings_all_its_rows(runs: Runs, owner: Owner) -> None:
    begun = run()
    parts = {"owed": (effect(),), "opened": (Wait("a", "event:x"),), "guards": (Guard("event:1", b"d"),)}
    answer = await runs.start(key_of(begun), started(begun, **parts), {effect().id: b"bytes"}, LEASE)
    assert answer.fresh
    filled = {table for table, found in (await contents(owner)).items() if found}
    assert filled == set(TABLES) - {"run_audit"}


async def test_a_run_that_is_not_there_cannot_be_applied(runs: Runs) -> None:
    decision: Decision = started(run())
    with pytest.raises(ValueError, match="started"):
        await runs.apply(decision, {}, LEASE)


async def test_the_clock_is_the_databases(runs: Runs, owner: Owner) -> None:
    [(before,)] = await rows(owner, "select clock_timestamp()")
    assert before < await runs.now()
