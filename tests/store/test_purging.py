"""What a purge removes, what it keeps, and every reason for which it leaves a run alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from service.domain.decision import Audit
from service.domain.retention import Cut, Obstacle, PurgedBatch, PurgeOrder, PurgePosition
from service.domain.start_keys import StartKey
from service.domain.state import Run, RunState
from service.store import purging
from service.store.pool import Pool
from service.store.purging import Purges
from service.store.runs import Runs
from tests.store.decisions import LEASE, effect, started, untold
from tests.store.purgeable import DAY, TABLES, ended, everything, order, purge, rows_of, there

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


@pytest.fixture
def purges(engine_pool: Pool) -> Purges:
    return Purges(engine_pool)


async def values(owner: Owner, statement: str) -> list[tuple[Any, ...]]:
    return await (await owner.execute(statement.encode())).fetchall()


async def stays(purges: Purges, owner: Owner, why: Obstacle, *family: Run) -> None:
    """All of the family stays for that reason, and nothing of it is removed."""
    before = [await rows_of(owner, one) for one in family]
    batch = await purge(purges)
    assert (batch.runs, batch.left) == ((), {why: 1})
    assert [await rows_of(owner, one) for one in family] == before


async def child_of(runs: Runs, owner: Owner, parent: Run, **fields: Any) -> Run:
    return await ended(runs, owner, parent_run_id=parent.id, depth=parent.depth + 1, **fields)


# --- what goes and what stays ----------------------------------------------------------------------------------------


async def test_everything_of_a_run_goes_and_nothing_of_others(runs: Runs, owner: Owner, purges: Purges) -> None:
    old, young = await ended(runs, owner, **everything()), await ended(runs, owner, 29, **everything())
    for one in (old, young):
        await owner.execute(
            "insert into run_audit (run_id, step_id, command, reason, message, actor, cause, workspace_id)"
            " values (%s, 'a', 'RetryStep', 'late', '', 'user:ann', '', 'ws_1')",
            (one.id,),
        )
    kept = await rows_of(owner, young)
    assert set(kept) == set(TABLES) - {"run_effects"}
    assert (await purge(purges)).runs == (old.id,)
    assert await rows_of(owner, old) == {}
    assert await rows_of(owner, young) == kept


async def test_every_table_of_runs_is_purged(looker: Owner) -> None:
    """A new one has to be thought of."""
    found = await values(
        looker,
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'run_id'"
        " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
    )
    beside = {"start_keys", "trigger_deliveries", "run_holds"}  # who was started by what; nothing held is purged
    assert {name for (name,) in found} - beside == set(TABLES) - {"workflow_runs", "changes"}


@pytest.mark.parametrize("scope", ["event:wf_1", "tick:wf_1", "rpc:user:ann"])
async def test_what_has_started_a_run_never_starts_another(
    runs: Runs, owner: Owner, purges: Purges, scope: str
) -> None:
    old = await ended(runs, owner)
    key = StartKey("ws_1", scope, "evt_1", b"")
    await owner.execute(
        "insert into start_keys (workspace_id, scope, key, digest, run_id, sequence)"
        " values ('ws_1', %s, 'evt_1', '', %s, 1)",
        (scope, old.id),
    )
    await purge(purges)
    other = await ended(runs, owner)
    again = await runs.start(key, started(other), {}, LEASE)
    assert (again.run_id, again.fresh) == (old.id, False)


async def test_keys_that_nobody_can_use_again_go(runs: Runs, owner: Owner, purges: Purges) -> None:
    old = await ended(runs, owner)
    own = f"{old.id}/a/1/start"
    keys = [("child", own), ("child", f"{old.id}0/a/1/start"), ("rpc:user:ann", own)]
    for number, (scope, key) in enumerate(keys):
        await owner.execute(
            "insert into start_keys (workspace_id, scope, key, digest, run_id, sequence)"
            " values ('ws_1', %s, %s, '', %s, 1)",
            (scope, key, f"child_{number}"),
        )
    await purge(purges)
    assert await values(owner, "select scope, key from start_keys order by scope") == keys[1:]


async def test_a_dry_run_removes_nothing(runs: Runs, owner: Owner, purges: Purges) -> None:
    old = await ended(runs, owner)
    before = await rows_of(owner, old)
    assert (await purge(purges, dry_run=True)).runs == (old.id,)
    assert await rows_of(owner, old) == before
    assert await values(owner, "select * from purges") == []


async def test_a_batch_leaves_its_count(runs: Runs, owner: Owner, purges: Purges) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    await ended(runs, owner)
    await ended(runs, owner)
    cuts: dict[RunState, Cut] = {RunState.COMPLETED: 60, RunState.FAILED: before}
    await purges.purge(PurgeOrder("ws_1", cuts, "user:ann"), None, 100)
    await purges.purge(PurgeOrder("ws_1", cuts, "user:ann"), None, 100)
    assert await values(owner, "select workspace_id, purged_by, policy->>'COMPLETED', runs from purges") == [
        ("ws_1", "user:ann", "60", 2)
    ]


# --- which ones ------------------------------------------------------------------------------------------------------


async def test_the_state_decides_how_long(runs: Runs, owner: Owner, purges: Purges) -> None:
    completed, failed, cancelled = [await ended(runs, owner, 50, state) for state in RunState if state.terminal]
    cuts = {RunState.COMPLETED: 40 * DAY, RunState.FAILED: 60 * DAY}
    batch = await purges.purge(PurgeOrder("ws_1", cuts, "user:ann"), None, 100)
    assert batch == PurgedBatch((completed.id,))
    assert await there(owner, completed, failed, cancelled) == [failed.id, cancelled.id]


async def test_another_workspace_is_left_alone(runs: Runs, owner: Owner, purges: Purges) -> None:
    mine, foreign = await ended(runs, owner), await ended(runs, owner, workspace_id="ws_2")
    await purge(purges)
    assert await there(owner, mine, foreign) == [foreign.id]


async def test_workspaces_are_those_with_ended_runs(runs: Runs, owner: Owner, purges: Purges) -> None:
    assert await purges.workspaces() == []
    for workspace in ("b", "a", "b", "c"):
        await ended(runs, owner, workspace_id=workspace)
    await owner.execute("update workflow_runs set state = 'RUNNING', completed_at = null where workspace_id = 'a'")
    assert await purges.workspaces() == ["b", "c"]


async def test_a_walk_goes_on_where_it_stood(
    runs: Runs, owner: Owner, purges: Purges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "WALK", 3)
    old = [await ended(runs, owner, 100 - number) for number in range(8)]
    await owner.execute(
        "insert into run_holds select id, workspace_id, 'why', 'user:ann' from workflow_runs order by id limit 4"
    )
    place: PurgePosition | None = None
    batches: list[PurgedBatch] = []
    while not batches or place:
        batches.append(await purges.purge(order(), place, 2))
        place = batches[-1].place
    assert [run_id for batch in batches for run_id in batch.runs] == [one.id for one in old[4:]]
    assert sum(batch.left[Obstacle.HELD] for batch in batches) == 4
    assert max(len(batch.runs) for batch in batches) == 2


async def test_a_family_goes_whole_also_when_it_is_larger_than_a_batch(
    runs: Runs, owner: Owner, purges: Purges
) -> None:
    before, parent = await ended(runs, owner, 110), await ended(runs, owner, 100)
    children = [await child_of(runs, owner, parent, days=105) for _ in range(3)]
    grandchild = await child_of(runs, owner, children[0], state=RunState.FAILED, days=120)
    first = await purge(purges, most=2)
    assert first.runs == (before.id,)
    second = await purges.purge(order(), first.place, 2)
    assert sorted(second.runs) == sorted([parent.id, grandchild.id, *(child.id for child in children)])
    assert await values(owner, "select runs from purges order by id") == [(1,), (5,)]


async def test_a_child_whose_parent_was_purged_goes_by_itself(runs: Runs, owner: Owner, purges: Purges) -> None:
    orphan = await ended(runs, owner, parent_run_id="wfr_gone")
    assert (await purge(purges)).runs == (orphan.id,)


async def test_a_fork_outlives_its_source(runs: Runs, owner: Owner, purges: Purges) -> None:
    source = await ended(runs, owner)
    fork = await ended(runs, owner, 1, forked_from=source.id)
    assert (await purge(purges)).runs == (source.id,)
    assert await there(owner, fork) == [fork.id]


# --- never -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in RunState if not state.terminal])
async def test_never_a_run_that_goes_on(runs: Runs, owner: Owner, purges: Purges, state: RunState) -> None:
    alive = await ended(runs, owner)
    await owner.execute("update workflow_runs set state = %s, completed_at = null", (state.value,))
    assert await purge(purges) == PurgedBatch()
    assert await there(owner, alive) == [alive.id]


@pytest.mark.parametrize("state", [state for state in RunState if not state.terminal])
async def test_never_a_run_whose_child_goes_on(runs: Runs, owner: Owner, purges: Purges, state: RunState) -> None:
    parent = await ended(runs, owner)
    child = await child_of(runs, owner, parent)
    grandchild = await child_of(runs, owner, child)
    await owner.execute(
        "update workflow_runs set state = %s, completed_at = null where id = %s", (state.value, grandchild.id)
    )
    await stays(purges, owner, Obstacle.ALIVE, parent, child, grandchild)


async def test_never_a_child_before_its_parent(runs: Runs, owner: Owner, purges: Purges) -> None:
    """A parent that goes on, or only is to be kept for longer, may undo what its child did."""
    alive, kept = await ended(runs, owner), await ended(runs, owner, 10)
    children = [await child_of(runs, owner, parent) for parent in (alive, kept)]
    await owner.execute("update workflow_runs set state = 'RUNNING', completed_at = null where id = %s", (alive.id,))
    assert await purge(purges) == PurgedBatch()
    assert await there(owner, *children) == [child.id for child in children]


async def test_never_a_family_with_one_that_ended_lately(runs: Runs, owner: Owner, purges: Purges) -> None:
    parent = await ended(runs, owner)
    child = await child_of(runs, owner, parent, days=10)
    await stays(purges, owner, Obstacle.YOUNG, parent, child)


@pytest.mark.parametrize("whose", [0, 1])
async def test_never_a_family_with_one_that_is_held(runs: Runs, owner: Owner, purges: Purges, whose: int) -> None:
    parent = await ended(runs, owner)
    family = (parent, await child_of(runs, owner, parent))
    await owner.execute("insert into run_holds values (%s, 'ws_1', 'a complaint', 'user:ann')", (family[whose].id,))
    await stays(purges, owner, Obstacle.HELD, *family)


@pytest.mark.parametrize("whose", [0, 1])
async def test_never_a_run_that_owes_something(runs: Runs, owner: Owner, purges: Purges, whose: int) -> None:
    """A late cost, a word to the parent, the undoing of a child: all are effects."""
    parent = await ended(runs, owner)
    family = (parent, await child_of(runs, owner, parent))
    owing = family[whose]
    snapshot = await runs.load(owing.id)
    assert snapshot is not None
    await runs.apply(untold(snapshot.run, owed=(effect(),)), {"a/1/cancel": b"bytes"}, LEASE)
    await stays(purges, owner, Obstacle.OWING, *family)


@pytest.mark.parametrize("whose", [0, 1])
async def test_never_a_run_with_unpublished_changes(runs: Runs, owner: Owner, purges: Purges, whose: int) -> None:
    parent = await ended(runs, owner)
    family = (parent, await child_of(runs, owner, parent))
    await owner.execute("update changes set published_at = null where stream_id = %s", (family[whose].id,))
    await stays(purges, owner, Obstacle.UNPUBLISHED, *family)
    other = await ended(runs, owner)
    assert (await purge(purges)).runs == (other.id,)


async def test_never_changes_that_the_bus_has_lost(runs: Runs, owner: Owner, purges: Purges) -> None:
    """They are to be unmarked and published again; what was published later or before is not concerned."""
    old = await ended(runs, owner)
    lost = "update relay_shards set lost_from = now() - interval '{}', lost_until = now() - interval '{}'"
    await owner.execute(lost.format("1 hour", "-1 hour").encode())
    await stays(purges, owner, Obstacle.UNPUBLISHED, old)
    await owner.execute(lost.format("2 hours", "1 hour").encode())
    assert (await purge(purges)).runs == (old.id,)


async def test_audits_of_what_came_late_keep_nothing(runs: Runs, owner: Owner, purges: Purges) -> None:
    old = await ended(runs, owner)
    snapshot = await runs.load(old.id)
    assert snapshot is not None
    audit = Audit("a", "ObjectiveReport", "step_ended", "too late", "agent:sdr", "event:1")
    await runs.apply(untold(snapshot.run, audits=(audit,)), {}, LEASE)
    assert (await purge(purges)).runs == (old.id,)


async def test_five_thousand_go_in_small_transactions(owner: Owner, purges: Purges) -> None:
    await many(owner, 5_000)
    batches: list[PurgedBatch] = []
    while not batches or batches[-1].place:
        batches.append(await purges.purge(order(), batches[-1].place if batches else None, 100))
    assert sum(len(batch.runs) for batch in batches) == 5_000
    assert await values(owner, "select count(*), max(runs), sum(runs) from purges") == [(50, 100, 5_000)]
    for table in ("workflow_runs", "step_runs", "changes"):
        assert await values(owner, f"select count(*) from {table}") == [(0,)]


async def many(owner: Owner, count: int) -> None:
    """Ended runs of ws_1 with three steps and five changes each."""
    await owner.execute(
        "insert into workflow_runs (id, workspace_id, definition_id, definition_version, state, completed_at,"
        "                           trigger_type, sequence)"
        " select 'wfr_' || n, 'ws_1', 'wf_1', 1, 'COMPLETED', now() - interval '100 days' + n * interval '1 second',"
        "        'MANUAL', 5 from generate_series(1, %s) n",
        (count,),
    )
    steps = [column for (column,) in await values(owner, _REQUIRED)]
    plain = {"state": "'COMPLETED'", "step_type": "'HUMAN_TASK'", "input_payload": "'{}'", "output_payload": "'{}'"}
    fixed = {**plain, "evidence": "'{}'", "run_id": "r.id", "step_id": "'s' || n", "workspace_id": "'ws_1'"}
    chosen = [fixed.get(column, "'0'") for column in steps]
    await owner.execute(
        f"insert into step_runs ({', '.join(steps)}, completed_at)"
        f" select {', '.join(chosen)}, now() from workflow_runs r, generate_series(1, 3) n".encode()
    )
    await owner.execute(
        "insert into changes (stream_id, sequence, shard, aggregate, operation, workspace_id, actor, cause,"
        "                     recorded_at, data, published_at)"
        " select r.id, n, 1, 'run', 'moved', 'ws_1', '', '', now(), '{}', now()"
        "   from workflow_runs r, generate_series(1, 5) n"
    )


_REQUIRED = (
    "select attname from pg_attribute where attrelid = 'step_runs'::regclass and attnum > 0 and attnotnull"
    "   and not atthasdef order by attnum"
)
