"""A run told from its history: folding what the changes recorded gives the row.

A run's own change holds the whole run, a step's change that step and what else of the run moved with it. Nothing reads
the history to decide; it answers a repeated call as it was answered the first time, and a test folds it to show that it
is complete. The fencing token is not told, so a folded run has version 0. Alarms are bookkeeping of the clock and may
move without a change; items and tasks are details of steps that no caller is answered with: all of these are beside
the history, and a folded run has the alarms that were last told, no items and no tasks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from service.domain.state import Run, RunState
from service.store.codec import moving_of, run_of_json, step_of, steps_of


@dataclass(frozen=True, slots=True)
class Change:
    sequence: int
    data: Mapping[str, Any]


def fold(changes: Iterable[Change]) -> Run | None:
    """The run after the last of these; the first must be a change of the run itself. None when there are none."""
    run: Run | None = None
    for change in changes:
        run = _after(run, change)
    return run


def _after(run: Run | None, change: Change) -> Run:
    data = change.data
    if "steps" in data:
        return run_of_json(data["run"], steps_of(data["steps"]))
    if run is None:
        raise ValueError(f"change {change.sequence} of a step comes before its run")
    step = step_of(data["step"])
    moved = {
        **moving_of(data["run"]),
        "state": RunState(data["workflow_state"]),
        "total_cost_usd": Decimal(data["workflow_total_cost_usd"]),
    }
    return replace(run, steps={**run.steps, step.step_id: step}, sequence=change.sequence, **moved)
