"""Runs that have ended long ago and owe nothing, so that a purge takes them, and a look at what is left of them."""

from collections.abc import Mapping
from typing import Any

import psycopg

from service.domain.decision import Decision, Guard, Interaction, Wait
from service.domain.definition import StepType
from service.domain.retention import ENDED, Cut, PurgedBatch, PurgeOrder
from service.domain.start_keys import StartKey
from service.domain.state import Run, RunState, StepRun, Task, TaskStatus
from service.store.purging import Purges
from service.store.runs import Runs
from tests.store.decisions import LEASE, NOW, run, started

Owner = psycopg.AsyncConnection[tuple[Any, ...]]

DAY = 86_400
TABLES = (
    "workflow_runs",
    "step_runs",
    "step_items",
    "human_tasks",
    "interactions",
    "run_waits",
    "run_effects",
    "run_causes",
    "run_audit",
    "changes",
)


async def ended(runs: Runs, owner: Owner, days: int = 100, state: RunState = RunState.COMPLETED, **fields: Any) -> Run:
    """A run of ws_1 that ended so many days ago and whose changes are on the bus."""
    begun = run(state=state, completed_at=NOW, deadline_at=None, **fields)
    await runs.start(own_key(begun), whole(begun), {}, LEASE)
    await owner.execute(
        "update workflow_runs set completed_at = now() - %s * interval '1 day' where id = %s", (days, begun.id)
    )
    await owner.execute("update changes set published_at = now() where stream_id = %s", (begun.id,))
    return begun


def own_key(begun: Run) -> StartKey:
    return StartKey(begun.workspace_id, "once", begun.id, b"")


def whole(begun: Run) -> Decision:
    """With rows beside the run in every table that does not keep it."""
    return started(
        begun,
        interactions=(Interaction("a", "notice", "agent:sdr", "hello", {}),),
        opened=(Wait("a", "objective:obj_1"),),
        guards=(Guard("event:tests/1", b"body"),),
    )


def everything(**fields: Any) -> Mapping[str, Any]:
    item = StepRun("a[0]", "A", StepType.AGENT_ACTION)
    return {"items": {"a[0]": item}, "tasks": {"b": Task("b", 1, TaskStatus.OPEN, "Look")}, **fields}


async def purge(
    purges: Purges, cut: Cut = 30 * DAY, workspace_id: str = "ws_1", most: int = 100, **how: Any
) -> PurgedBatch:
    return await purges.purge(order(cut, workspace_id), None, most, **how)


def order(cut: Cut = 30 * DAY, workspace_id: str = "ws_1") -> PurgeOrder:
    return PurgeOrder(workspace_id, dict.fromkeys(ENDED, cut), "user:ann")


async def there(owner: Owner, *runs: Run) -> list[str]:
    """Which of them are still there."""
    cursor = await owner.execute("select id from workflow_runs where id = any(%s)", ([one.id for one in runs],))
    found = {run_id for (run_id,) in await cursor.fetchall()}
    return [one.id for one in runs if one.id in found]


async def rows_of(owner: Owner, begun: Run) -> dict[str, int]:
    """How many rows each table has of the run; tables without any are left out."""
    counts = {}
    for table in TABLES:
        key = {"workflow_runs": "id", "changes": "stream_id"}.get(table, "run_id")
        cursor = await owner.execute(f"select count(*) from {table} where {key} = '{begun.id}'".encode())
        [(count,)] = await cursor.fetchall()
        counts[table] = int(count)
    return {table: count for table, count in counts.items() if count}
