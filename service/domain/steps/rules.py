"""The common ground of the eight step types.

A method gets the turn and the step's id and moves the step through `turn` and `outcome`. What a step type does not
expect it refuses with `unwanted`, which settles and audits the report and changes nothing.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import Answer, Fault, FaultKind
from service.domain.commands import EventArrived, TransitionStep
from service.domain.costs import attempt_cost
from service.domain.errors import conflict
from service.domain.plan import StepPlan
from service.domain.state import StepState
from service.domain.turn import Turn


class Unwanted(Exception):
    """A report that nobody waits for (any more)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class StepRules:
    reports: frozenset[StepState] = frozenset()
    """What a TransitionStep may say of this type, besides SKIPPED."""
    evaluates_input = True
    """Whether `config.input` makes the input of an attempt; else the rules see to it themselves."""

    def timeout_seconds(self, planned: StepPlan) -> float:
        """How long one attempt may take; 0 is for ever."""
        return planned.timeout_seconds

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        """Moves a PENDING step; `changes` holds the new attempt, its input and its deadline."""
        raise NotImplementedError

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        """A call of the present attempt succeeded."""
        raise Unwanted("unexpected_answer", f"this step did not ask for {type(answer).__name__}")

    def faulted(self, turn: Turn, step_id: str, fault: Fault) -> None:
        """A call of the present attempt failed for more than a moment."""
        if fault.kind is FaultKind.REJECTED:
            outcome.fail_for_good(turn, step_id, fault.reason, fault.message)
        else:
            outcome.fail(turn, step_id, fault.reason, fault.message)

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        """A bus event was routed to this step."""
        raise Unwanted("unexpected_event", "this step does not wait for events")

    def rang(self, turn: Turn, step_id: str, alarm: str) -> None:
        """An alarm of the open step is due; it has been taken off."""

    def expired(self, turn: Turn, step_id: str) -> None:
        """The attempt's deadline has passed."""
        outcome.fail_for_good(turn, step_id, "timed_out", "the step reached its timeout")

    def reported(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        """A TransitionStep that passed the checks common to all types; the step is open."""
        if report.state in (StepState.RUNNING, StepState.WAITING):
            operation = "waiting" if report.state is StepState.WAITING else "updated"
            turn.move(step_id, report.state, operation, **links(turn, step_id, report))
        elif report.state is StepState.COMPLETED:
            outcome.complete(turn, step_id, report.output_payload or {}, **links(turn, step_id, report))
        else:
            self.reported_failure(turn, step_id, report)

    def repeated(self, turn: Turn, step_id: str) -> None:
        """A TransitionStep that says nothing new; nobody is told of it."""

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        message = report.error_message or "reported as failed"
        outcome.fail(turn, step_id, "reported_failure", message, **links(turn, step_id, report))

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        """Refuses whoever may not report on this step."""
        if report.state not in self.reports:
            raise conflict("report_not_taken", f"a {turn.step(step_id).step_type} step takes no such report")

    def check_skipper(self, turn: Turn, step_id: str) -> None:
        """Refuses whoever may not do without this step."""


LINKS = ("objective_id", "agent_id", "delegation_id", "approval_request_id", "event_id", "notification_id")


def links(turn: Turn, step_id: str, report: TransitionStep) -> dict[str, Any]:
    """What a report says beside its state, as changes of the step."""
    found: dict[str, Any] = {name: getattr(report, name) for name in LINKS if getattr(report, name)}
    if report.governance_decision:
        found["governance_decision"] = report.governance_decision
    if report.cost_usd is not None:
        found["cost_usd"] = attempt_cost(turn.step(step_id), report.cost_usd)
    return found
