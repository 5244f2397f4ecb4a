"""NOTIFICATION: tells somebody. Unless it is required, not being able to tell never holds up the run."""

from typing import Any

from service.domain import outcome
from service.domain.answers import Answer, Fault, NotificationSent
from service.domain.calls import SendNotification
from service.domain.commands import TransitionStep
from service.domain.plan import StepPlan
from service.domain.scope import evaluate_all
from service.domain.state import StepState
from service.domain.steps.rules import StepRules
from service.domain.turn import Turn

GIVES_UP_AFTER_SECONDS = 60


class Notification(StepRules):
    reports = frozenset({StepState.RUNNING, StepState.COMPLETED, StepState.FAILED})

    def timeout_seconds(self, planned: StepPlan) -> float:
        if planned.config.get("required"):
            return planned.timeout_seconds
        return min(planned.timeout_seconds or GIVES_UP_AFTER_SECONDS, GIVES_UP_AFTER_SECONDS)

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        planned = turn.planned(step_id)
        step = turn.move(step_id, StepState.RUNNING, "started", **changes)
        config, definition = planned.config, planned.definition
        turn.owe(
            step,
            SendNotification(
                recipient_id=config.get("recipient", ""),
                channel=definition.notification_channel,
                priority=config.get("priority", ""),
                category=config.get("category", ""),
                subject=config.get("subject", "") or step.step_name,
                body=config.get("body", ""),
                template=definition.notification_template,
                variables=evaluate_all(planned.variables, turn, step_id),
            ),
        )

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        if not isinstance(answer, NotificationSent):
            return super().answered(turn, step_id, answer)
        return outcome.complete(turn, step_id, {}, notification_id=answer.notification_id)

    def faulted(self, turn: Turn, step_id: str, fault: Fault) -> None:
        if turn.planned(step_id).config.get("required"):
            return super().faulted(turn, step_id, fault)
        return _give_up(turn, step_id, fault.reason, fault.message)

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        if turn.planned(step_id).config.get("required"):
            return super().reported_failure(turn, step_id, report)
        return _give_up(turn, step_id, "reported_failure", report.error_message or "reported as failed")

    def expired(self, turn: Turn, step_id: str) -> None:
        message = "the notification could not be sent in time"
        if turn.planned(step_id).config.get("required"):
            outcome.fail(turn, step_id, "timed_out", message)
        else:
            _give_up(turn, step_id, "timed_out", message)


def _give_up(turn: Turn, step_id: str, reason: str, message: str) -> None:
    outcome.complete(turn, step_id, {}, error_reason=reason, error_message=message)
