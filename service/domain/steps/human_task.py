"""HUMAN_TASK: a person does it and says so. A rejection or a missed deadline is final."""

from typing import Any

from service.domain import outcome
from service.domain.commands import TransitionStep
from service.domain.state import StepState
from service.domain.steps.rules import StepRules, links
from service.domain.turn import Turn


class HumanTask(StepRules):
    reports = frozenset({StepState.WAITING, StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.WAITING, "waiting", **changes)

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        message = report.error_message or "the task was rejected"
        outcome.fail_for_good(turn, step_id, "task_rejected", message, **links(turn, step_id, report))
