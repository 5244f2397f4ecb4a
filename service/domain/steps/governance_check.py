"""GOVERNANCE_CHECK: the rules of the organisation allow, deny, or want a person's approval first.

It fails closed: no answer is never ALLOW. Reasons, rules and risk are kept as evidence in the database; the output is
empty unless the step routes on a denial. Governance may change its mind while an approval is waited for: what it says
on the bus is a hint, asked for anew.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import ActionEvaluated, Answer, ApprovalRequested, ApprovalStatus
from service.domain.bus_event import GovernanceReport
from service.domain.calls import EvaluateAction
from service.domain.commands import EventArrived, TransitionStep
from service.domain.definition import Payload
from service.domain.errors import conflict
from service.domain.scope import evaluate_all
from service.domain.state import StepState
from service.domain.steps.decision import Decided, asker
from service.domain.turn import Turn


class GovernanceCheck(Decided):
    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        planned = turn.planned(step_id)
        agent_id = planned.definition.agent_id
        turn.move(step_id, StepState.RUNNING, "started", agent_id=agent_id, **changes)
        self._evaluate(turn, step_id)

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        """Nobody can report what governance says, only what came of the approval that it wanted."""
        super().check_reporter(turn, step_id, report)
        if not turn.step(step_id).approval_request_id:
            raise conflict("report_not_taken", "the check is not waiting for an approval")

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        if not isinstance(arrived.event.about, GovernanceReport):
            return super().heard(turn, step_id, arrived)
        return self._evaluate(turn, step_id, arrived.event.mark)

    def _evaluate(self, turn: Turn, step_id: str, again: str = "") -> None:
        planned, step = turn.planned(step_id), turn.step(step_id)
        context = evaluate_all(planned.context, turn, step_id)
        call = EvaluateAction(asker(turn, step), planned.definition.action_type, step.input_payload, context)
        turn.owe(step, call, again)

    def answered(self, turn: Turn, step_id: str, answer: Answer) -> None:
        match answer:
            case ActionEvaluated():
                self._evaluated(turn, step_id, answer)
            case ApprovalRequested():
                self.requested(turn, step_id, answer)
            case ApprovalStatus():
                self.confirmed(turn, step_id, answer)
            case _:
                super().answered(turn, step_id, answer)

    def _evaluated(self, turn: Turn, step_id: str, answer: ActionEvaluated) -> None:
        evidence = {
            "decision": answer.decision,
            "risk_level": answer.risk_level,
            "reasons": list(answer.reasons),
            "matched_rules": list(answer.matched_rules),
        }
        changes = {
            "governance_decision": f"ACTION_DECISION_{answer.decision}",
            "evidence": {**turn.step(step_id).evidence, "governance": evidence},
        }
        match answer.decision:
            case "ALLOW":
                outcome.complete(turn, step_id, self.output(turn, step_id, {"decision": "ALLOW"}), **changes)
            case "REQUIRE_APPROVAL":
                self._require_approval(turn, step_id, changes)
            case _:
                self.denied(turn, step_id, "governance_denied", _denial(answer), **changes)

    def _require_approval(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        asked = "approval" in turn.step(step_id).evidence
        turn.link(step_id, **changes)
        if not asked:
            self.ask(turn, step_id)

    def output(self, turn: Turn, step_id: str, decision: Payload) -> Payload:
        return decision if turn.planned(step_id).route_denied else {}


def _denial(answer: ActionEvaluated) -> dict[str, Any]:
    rules = f" ({', '.join(answer.matched_rules)})" if answer.matched_rules else ""
    return {"decision": "DENY", "decided_by": "", "reason": f"{'; '.join(answer.reasons)}{rules}"}
