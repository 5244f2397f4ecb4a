"""PARALLEL: opens its children at once and follows them; `flow` closes it when they have ended."""

from typing import Any

from service.domain.plan import StepPlan
from service.domain.state import StepState
from service.domain.steps.rules import StepRules
from service.domain.turn import Turn


class Parallel(StepRules):
    def timeout_seconds(self, planned: StepPlan) -> float:
        """Its children have timeouts of their own."""
        return 0

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.RUNNING, "started", **changes)
