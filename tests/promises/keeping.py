"""What must hold at the end of every trial, read from the database, the bus and the siblings' own books."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import psycopg

from service.dev.siblings.serving import Call
from service.dev.siblings.simulation import SimulatedSiblings
from service.domain import transitions
from service.domain.state import Run, RunState, StepState
from service.store.pool import ENGINE, Pool
from service.store.runs import Runs
from tests.journey.streams import until_all_stored
from tests.promises.load import CALLS, COST, DELEGATE
from tests.promises.trial import Trial
from tests.store.test_history import told
from tests.world import World

RECORDED = "select stream_id, array_agg(sequence order by sequence) from changes where sequence > 0 group by 1"
SEARCHES = ("objectives.Query", "agents.ListDelegations", "approvals.ListPending")
"""How somebody finds out whether an effect has been, before it is asked for again."""
OBJECTIVES = """
    select objective_id from step_runs where objective_id <> ''
     union all
    select past ->> 'objective_id' from step_runs, jsonb_array_elements(evidence -> 'attempts') past
     where past ->> 'objective_id' <> ''
"""


async def check_all(trying: Trial, many: int) -> None:
    """So many runs of `load.pipelines` were started, and every promise was kept for each."""
    assert len({*trying.runs}) == many == await trying.counted("select count(*) from workflow_runs")
    runs = await check_histories(trying.dsn, trying.runs)
    check_ends(runs.values())
    check_effects(trying.world.siblings, trying.runs)
    await check_objectives(trying.dsn, trying.world.siblings)
    await check_moves(trying.dsn, trying.runs)
    await trying.until_drained()
    await check_stream(trying.dsn, trying.world)


async def check_histories(dsn: str, run_ids: Collection[str]) -> dict[str, Run]:
    """Every run is there, its row is what its history tells, and its costs add up to the cent; gives the runs."""
    pool = Pool(dsn, ENGINE, 2)
    await pool.open()
    try:
        runs = Runs(pool)
        return {run_id: await _checked(runs, run_id) for run_id in run_ids}
    finally:
        await pool.close()


async def _checked(runs: Runs, run_id: str) -> Run:
    snapshot = await runs.load(run_id)
    assert snapshot is not None, f"{run_id} is lost"
    run = snapshot.run
    assert told(await runs.run_at(run_id, run.sequence)) == told(run), f"{run_id} is not its history"
    assert run.total_cost_usd == sum((step.cost_usd for step in run.steps.values()), Decimal(0))
    return run


def check_ends(runs: Iterable[Run], cost: Decimal = COST) -> None:
    ends = Counter((run.state, run.total_cost_usd) for run in runs)
    assert ends.keys() == {(RunState.COMPLETED, cost)}, ends


async def check_stream(dsn: str, world: World) -> int:
    """The bus has every change of every run and definition once, in order, from the first on; gives how many."""
    async with await psycopg.AsyncConnection.connect(dsn) as eye:
        recorded: dict[str, list[int]] = dict(await (await eye.execute(RECORDED)).fetchall())
    gaps = {stream for stream, numbers in recorded.items() if numbers != list(range(1, len(numbers) + 1))}
    assert not gaps, f"numbers are missing in the histories of {sorted(gaps)}"
    published = await until_all_stored(world.bus, recorded)
    assert published == recorded, differences(published, recorded)
    return sum(map(len, recorded.values()))


def effects(calls: Iterable[Call]) -> list[Call]:
    """The calls that do something at a sibling, in order; look-ups and inquiries do nothing."""
    return [call for call in calls if call.method in CALLS or call.method == DELEGATE]


def check_effects(siblings: SimulatedSiblings, run_ids: Collection[str]) -> Counter[str]:
    """Each effect of each run was asked for, under one key and in the same bytes; gives how often, by key."""
    keys, requests = defaultdict[Hashable, set[str]](set), defaultdict[str, set[bytes]](set)
    for call in effects(siblings.calls):
        keys[call.idempotency_key.partition("/")[0], call.method].add(call.idempotency_key)
        requests[call.method + call.idempotency_key].add(call.request)
    assert max(map(len, requests.values())) == 1
    asked = {effect: len(found) for effect, found in keys.items()}
    delegating = [asked.pop((run_id, DELEGATE), 0) for run_id in run_ids]
    assert {*delegating} <= {0, 1}, Counter(delegating)
    wanted = {(run_id, method): many for run_id in run_ids for method, many in CALLS.items()}
    assert asked == wanted, differences(asked, wanted)
    many = len(run_ids)
    done = [*map(len, (siblings.objectives, siblings.approvals, siblings.notifications))]
    assert done == [2 * many, many, many], done
    delegated = Counter((each.workflow_run_id, each.workflow_step_id) for each in siblings.delegations.values())
    assert max(delegated.values()) == 1, delegated.most_common(
        3
    )  # none, where the work was done before it was taken on
    return Counter(call.method + call.idempotency_key for call in effects(siblings.calls))


async def check_objectives(dsn: str, siblings: SimulatedSiblings) -> None:
    """What was created is what is recorded, each once."""
    async with await psycopg.AsyncConnection.connect(dsn) as eye:
        recorded = [objective_id for (objective_id,) in await (await eye.execute(OBJECTIVES)).fetchall()]
    assert sorted(recorded) == sorted(siblings.objectives), {*recorded} ^ {*siblings.objectives}


async def check_moves(dsn: str, run_ids: Collection[str]) -> None:
    """No run went a way that the tables do not allow."""
    async with await psycopg.AsyncConnection.connect(dsn) as eye:
        for run_id in run_ids:
            _check_moves(await (await eye.execute(MOVES, (run_id,))).fetchall())


MOVES = """
    select step_id, coalesce(data ->> 'workflow_state', data -> 'run' ->> 'state'), data -> 'step' ->> 'state'
      from changes where stream_id = %s order by sequence
"""


def _check_moves(rows: Iterable[tuple[str, str, str | None]]) -> None:
    run, steps = RunState.RUNNING, defaultdict[str, StepState](lambda: StepState.PENDING)
    for step_id, run_state, step_state in rows:
        transitions.check(transitions.RUN, run, RunState(run_state))
        run = RunState(run_state)
        if step_state is not None:
            transitions.check(transitions.STEP, steps[step_id], StepState(step_state))
            steps[step_id] = StepState(step_state)


def differences(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, Any]:
    """So that a failure shows what differs and not all that is alike."""
    return {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}
