"""A run while it moves: a table that is redrawn on a terminal, one line per change elsewhere.

Both show the same rows: each step's state, who it waits for, its cost, and the time it has taken.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from workflows.v1 import workflows_pb2 as pb

from service.dev.demo.picture import state_name

_STYLES = {
    "PENDING": "dim",
    "RUNNING": "bold blue",
    "WAITING": "bold yellow",
    "COMPLETED": "green",
    "FAILED": "bold red",
    "SKIPPED": "dim italic",
}
_IN_HAND = (pb.STEP_RUN_STATE_RUNNING, pb.STEP_RUN_STATE_WAITING)
_AWAITED = {
    pb.STEP_TYPE_APPROVAL_GATE: "the manager's decision",
    pb.STEP_TYPE_GOVERNANCE_CHECK: "governance's verdict",
    pb.STEP_TYPE_NOTIFICATION: "the notification",
    pb.STEP_TYPE_WAIT_FOR_EVENT: "the contact's reply",
}


class Board(Protocol):
    def show(self, run: pb.WorkflowRun) -> None: ...


@dataclass(frozen=True, slots=True)
class Row:
    step_id: str
    state: str
    awaited: str
    cost: str
    seconds: str

    def line(self) -> str:
        awaited = f"waits for {self.awaited}" if self.awaited else ""
        return f"{self.step_id:<20} {self.state:<10} {self.cost:>7} {self.seconds:>7}  {awaited}".rstrip()


Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def board(console: Console, now: Now = _utc_now) -> Iterator[Board]:
    if not console.is_terminal:
        yield Lines(console, now)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield Redrawn(live, now)


class Redrawn:
    def __init__(self, live: Live, now: Now) -> None:
        self._live = live
        self._now = now

    def show(self, run: pb.WorkflowRun) -> None:
        self._live.update(_table(run, self._now()), refresh=True)


class Lines:
    def __init__(self, console: Console, now: Now) -> None:
        self._console = console
        self._now = now
        self._shown: dict[str, tuple[str, str]] = {}

    def show(self, run: pb.WorkflowRun) -> None:
        for row in _rows(run, self._now()):
            told = (row.state, row.awaited)
            if self._shown.get(row.step_id, ("PENDING", "")) != told:
                self._shown[row.step_id] = told
                self._console.print(f"  {row.line()}", markup=False)


def _table(run: pb.WorkflowRun, now: datetime) -> Table:
    table = Table("step", title_justify="left", title=_title(run))
    table.add_column("state", min_width=9)
    table.add_column("waits for", min_width=22)
    for name in ("cost", "time"):
        table.add_column(name, justify="right", min_width=7)
    for row in _rows(run, now):
        table.add_row(row.step_id, row.state, row.awaited, row.cost, row.seconds, style=_STYLES.get(row.state, ""))
    return table


def _title(run: pb.WorkflowRun) -> str:
    state = pb.WorkflowState.Name(run.state).removeprefix("WORKFLOW_STATE_")
    return f"{run.id} {state} ${run.total_cost_usd:.3f}"


def _rows(run: pb.WorkflowRun, now: datetime) -> Iterator[Row]:
    for step in run.steps:
        cost = f"${step.cost_usd:.3f}" if step.cost_usd else ""
        yield Row(step.step_id, state_name(step), _awaited(step), cost, _seconds(step, now))


def _awaited(step: pb.StepRun) -> str:
    if step.state not in _IN_HAND:
        return ""
    if step.step_type == pb.STEP_TYPE_AGENT_ACTION:
        return step.agent_id or "an agent to be found"
    return _AWAITED.get(step.step_type, "")


def _seconds(step: pb.StepRun, now: datetime) -> str:
    if not step.HasField("started_at"):
        return ""
    end = step.completed_at.ToDatetime(UTC) if step.HasField("completed_at") else now
    return f"{(end - step.started_at.ToDatetime(UTC)).total_seconds():.2f} s"
