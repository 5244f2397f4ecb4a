"""What an approval and a governance check share: somebody else decides, and only the owner's word counts.

A decision heard on the bus or claimed by auto-approval is a hint; `GetApproval` asks the approvals service, and only
its answer opens the gate. A gate never opens by a timeout or an error.
"""

from zlib import crc32

from service.domain import outcome
from service.domain.commands import ApprovalReport, BusEvent, TransitionStep
from service.domain.definition import Payload
from service.domain.effects import ApprovalRequested, ApprovalStatus, GetApproval, RequestApproval
from service.domain.errors import Kind, Refusal
from service.domain.state import StepRun, StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn

PASSED = frozenset({"APPROVED", "AUTO_APPROVED"})
STOPPED = frozenset({"DENIED", "EXPIRED"})


class Decided(StepRules):
    reports = frozenset({StepState.COMPLETED, StepState.FAILED})

    def heard(self, turn: Turn, step_id: str, event: BusEvent) -> None:
        report, step = event.about, turn.step(step_id)
        assert isinstance(report, ApprovalReport)  # a gate is addressed by its approval alone, while it waits
        if report.decision not in PASSED | STOPPED:
            raise Unwanted("progress", f"the approval is {report.decision}")
        again = f"{crc32(f'{event.source}/{event.id}'.encode()):08x}"
        turn.owe(step, GetApproval(report.approval_request_id), again)

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        super().check_reporter(turn, step_id, report)
        asked = turn.step(step_id).agent_id or turn.run.initiator_agent_id
        if asked and (turn.actor == f"agent:{asked}" or report.agent_id == asked):
            raise Refusal(Kind.DENIED, "own_approval", "an agent may not decide what it asked for")

    def reported(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        passed = report.state is StepState.COMPLETED
        said = dict(report.output_payload or {})
        output = {
            "decision": "APPROVED" if passed else "DENIED",
            "decided_by": said.get("decided_by") or turn.actor,
            "reason": said.get("reason") or report.error_message,
        }
        if passed:
            outcome.complete(turn, step_id, self.output(turn, step_id, {**said, **output}))
        else:
            self.denied(turn, step_id, "approval_denied", output)

    def requested(self, turn: Turn, step_id: str, answer: ApprovalRequested) -> None:
        step = turn.move(step_id, StepState.WAITING, "waiting", approval_request_id=answer.approval_request_id)
        if answer.auto_approved:
            turn.owe(step, GetApproval(answer.approval_request_id), "auto")

    def confirmed(self, turn: Turn, step_id: str, answer: ApprovalStatus) -> None:
        output = {"decision": answer.decision, "decided_by": answer.decided_by, "reason": answer.reason}
        if answer.decision in PASSED:
            outcome.complete(turn, step_id, self.output(turn, step_id, output), evidence={"approval": output})
        elif answer.decision in STOPPED:
            self.denied(turn, step_id, f"approval_{answer.decision.lower()}", output)
        else:
            raise Unwanted("not_decided", f"the approvals service says {answer.decision}")

    def output(self, turn: Turn, step_id: str, decision: Payload) -> Payload:
        """What a passed step found out."""
        return decision

    def denied(self, turn: Turn, step_id: str, reason: str, decision: Payload) -> None:
        if turn.planned(step_id).route_denied:
            outcome.complete(turn, step_id, decision)
        else:
            by = f" by {decision['decided_by']}" if decision.get("decided_by") else ""
            why = f": {decision['reason']}" if decision.get("reason") else ""
            message = f"{str(decision['decision']).lower()}{by}{why}"
            outcome.fail_for_good(turn, step_id, reason, message, evidence={"approval": dict(decision)})


def approval_for(turn: Turn, step: StepRun) -> RequestApproval:
    planned = turn.planned(step.step_id)
    return RequestApproval(
        agent_id=step.agent_id or turn.run.initiator_agent_id,
        approver_user_id=planned.config.get("approver_user_id", ""),
        action_type=planned.definition.action_type,
        risk_level=planned.definition.risk_level,
        payload=step.input_payload,
        context={
            "run_id": turn.run.id,
            "definition_id": turn.run.definition_id,
            "step_id": step.step_id,
            "step": step.step_name or step.step_id,
            "attempt": step.attempt,
            "entity_id": turn.run.entity_id,
            "entity_type": turn.run.entity_type,
        },
    )
