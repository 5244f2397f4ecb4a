"""What the demo shows and how it judges, on the contract's run that waits for its manager."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from workflows.v1 import workflows_pb2 as pb

from service.dev.demo.board import board
from service.dev.demo.bus import Heard
from service.dev.demo.picture import mermaid
from service.dev.demo.verdict import DemoError, judge, judge_order
from tests.world import fixture

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def run() -> pb.WorkflowRun:
    found: pb.WorkflowRun = fixture("get_run_response.json", pb.GetRunResponse).run
    return found


@pytest.fixture
def edges() -> list[pb.Edge]:
    return list(fixture("publish_version_response.json", pb.PublishVersionResponse).version.edges)


def heard(*sequences: int) -> list[Heard]:
    return [Heard("wfr_1", sequence, "workflows.changes.step.updated", "a", "") for sequence in sequences]


def shown(run: pb.WorkflowRun, *, terminal: bool, times: int = 1) -> str:
    out = StringIO()
    with board(Console(file=out, force_terminal=terminal, width=100, color_system=None), lambda: NOW) as drawn:
        for _ in range(times):
            drawn.show(run)
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_board_says_who_is_waited_for_and_what_it_cost(run: pb.WorkflowRun, terminal: bool) -> None:
    lines = shown(run, terminal=terminal).splitlines()
    assert any("approve-high-value" in line and "the manager's decision" in line for line in lines)
    assert any("research-company" in line and "$0.034" in line and "98.73 s" in line for line in lines)


def test_without_a_terminal_a_line_is_a_change(run: pb.WorkflowRun) -> None:
    assert shown(run, terminal=False, times=3) == shown(run, terminal=False)
    assert "send-outreach" not in shown(run, terminal=False)


def test_the_picture_tells_taken_edges_from_others(run: pb.WorkflowRun, edges: list[pb.Edge]) -> None:
    drawn = mermaid(run, edges)
    assert '  s3 ==>|"high-value"| s4\n  s3 -.->|"standard"| s5\n  s4 -.-> s5\n' in drawn
    assert 's4["Approve the high-value outreach<br/>WAITING"]:::waiting' in drawn


def test_a_run_is_judged_by_its_end_and_its_way(run: pb.WorkflowRun) -> None:
    with pytest.raises(DemoError, match=r"RUNNING.*approve-high-value is STEP_RUN_STATE_WAITING"):
        judge(run, approved=True)
    run.state = pb.WORKFLOW_STATE_COMPLETED
    run.steps[4].state = pb.STEP_RUN_STATE_COMPLETED
    judge(run, approved=True)
    with pytest.raises(DemoError, match="not STEP_RUN_STATE_SKIPPED"):
        judge(run, approved=False)


@pytest.mark.parametrize("sequences", [(1, 3), (1, 1, 2), (2, 1), (2, 3)])
def test_events_with_a_gap_or_out_of_order_are_noticed(sequences: tuple[int, ...]) -> None:
    judge_order(heard(1, 2, 3))
    with pytest.raises(DemoError, match="came as"):
        judge_order(heard(*sequences))
