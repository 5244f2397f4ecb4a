"""APPROVAL_GATE: a person says yes or no."""

from typing import Any

from service.domain.answers import Answer, ApprovalRequested, ApprovalStatus
from service.domain.state import StepState
from service.domain.steps.decision import Decided
from service.domain.turn import Turn


class ApprovalGate(Decided):
    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        agent_id = turn.planned(step_id).definition.agent_id
        turn.move(step_id, StepState.RUNNING, "started", agent_id=agent_id, **changes)
        self.ask(turn, step_id)

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        match answer:
            case ApprovalRequested():
                self.requested(turn, step_id, answer)
            case ApprovalStatus():
                self.confirmed(turn, step_id, answer)
            case _:
                super().answered(turn, step_id, answer)
