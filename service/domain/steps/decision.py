"""What an approval and a governance check share: somebody else decides, and only the owner's word counts.

A decision heard on the bus or claimed by auto-approval is a hint; `GetApproval` asks the approvals service, and only
its answer opens the gate. Every decision, whichever way it came, passes `decided`: a gate never opens by a timeout, an
error, or the word of the agent that asked. What was asked and decided is kept in `evidence["approval"]`.
"""

from typing import Any

from service.domain import outcome
from service.domain.answers import PASSED, STOPPED, ApprovalRequested, ApprovalStatus
from service.domain.bus_event import ApprovalReport
from service.domain.calls import GetApproval, RequestApproval
from service.domain.commands import EventArrived, TransitionStep
from service.domain.definition import Payload
from service.domain.errors import Kind, Refusal, invalid
from service.domain.state import StepRun, StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn

HINTS = PASSED | STOPPED | {"ESCALATED"}


class Decided(StepRules):
    reports = frozenset({StepState.COMPLETED, StepState.FAILED})

    # --- asking ----------------------------------------------------------------------------------------------------

    def ask(self, turn: Turn, step_id: str) -> None:
        """Requests the approval and opens our own record of it."""
        step = turn.step(step_id)
        record = {
            "requested_by": asker(turn, step),
            "risk_level": turn.planned(step_id).definition.risk_level,
            "requested_at": turn.now.isoformat(),
        }
        step = turn.link(step_id, evidence={**step.evidence, "approval": record})
        turn.owe(step, approval_for(turn, step))

    def requested(self, turn: Turn, step_id: str, answer: ApprovalRequested) -> None:
        noted = {"auto_approval": dict(answer.evidence)} if answer.auto_approved else {}
        evidence = recorded(turn.step(step_id), noted)
        request_id = answer.approval_request_id
        turn.move(step_id, StepState.WAITING, "waiting", approval_request_id=request_id, evidence=evidence)
        step = turn.arm(step_id, check=turn.after(turn.plan.patience.check_seconds))
        if answer.auto_approved:
            turn.owe(step, GetApproval(request_id), "auto")

    # --- what is heard of it ---------------------------------------------------------------------------------------

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        event, step = arrived.event, turn.step(step_id)
        assert isinstance(event.about, ApprovalReport)  # addressed by its approval alone, while it waits
        if event.about.decision not in HINTS:
            raise Unwanted("progress", f"the approval is {event.about.decision}")
        turn.owe(step, GetApproval(event.about.approval_request_id), event.mark)

    def rang(self, turn: Turn, step_id: str, alarm: str) -> None:
        """Nothing was heard for long: the word may have been lost. Asked once, until that is answered."""
        step = turn.step(step_id)
        turn.owe(step, GetApproval(step.approval_request_id), turn.moment)

    def confirmed(self, turn: Turn, step_id: str, answer: ApprovalStatus) -> None:
        if answer.decision in PASSED | STOPPED:
            output = {"decision": answer.decision, "decided_by": answer.decided_by, "reason": answer.reason}
            return self.decided(turn, step_id, output)
        step = turn.step(step_id)
        if answer.decision == "ESCALATED" and _decision(step) != "ESCALATED":
            turn.link(step_id, evidence=recorded(step, {"decision": "ESCALATED", "comment": answer.reason}))
        else:
            turn.audit(step_id, GetApproval.__name__, "not_decided", f"the approvals service says {answer.decision}")
        turn.arm(step_id, check=turn.after(turn.plan.patience.check_seconds))
        return None

    # --- what is reported of it ------------------------------------------------------------------------------------

    def check_reporter(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        super().check_reporter(turn, step_id, report)
        asked = asker(turn, turn.step(step_id))
        if any(is_asker(name, asked) for name in (turn.actor, report.agent_id, _decider(turn, report))):
            raise Refusal(Kind.DENIED, "own_approval", "an agent may not decide what it asked for")
        _check_said(report)

    def check_skipper(self, turn: Turn, step_id: str) -> None:
        """To do without a decision is to decide."""
        asks = turn.planned(step_id).definition.agent_id or asker(turn, turn.step(step_id))
        if is_asker(turn.actor, asks):
            raise Refusal(Kind.DENIED, "own_approval", "an agent may not decide what it would ask for")

    def reported(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        said = dict(report.output_payload or {})
        output = {
            "decision": "APPROVED" if report.state is StepState.COMPLETED else "DENIED",
            "decided_by": _decider(turn, report),
            "reason": said.get("reason") or report.error_message,
        }
        self.decided(turn, step_id, {**said, **output})

    # --- the one place where it ends -------------------------------------------------------------------------------

    def decided(self, turn: Turn, step_id: str, output: Payload) -> None:
        """Opens the gate or closes it. `output` has the decision, by whom and why."""
        step, by, why = turn.step(step_id), str(output.get("decided_by", "")), output.get("reason", "")
        noted = {"decision": output["decision"], "decided_by": by, "comment": why, "decided_at": turn.now.isoformat()}
        evidence = recorded(step, noted)
        if is_asker(by, asker(turn, step)):
            message = "the agent that asked for it may not decide it"
            outcome.fail_for_good(turn, step_id, "own_approval", message, evidence=evidence)
        elif output["decision"] in PASSED:
            outcome.complete(turn, step_id, self.output(turn, step_id, output), evidence=evidence)
        else:
            self.denied(turn, step_id, f"approval_{str(output['decision']).lower()}", output, evidence=evidence)

    def output(self, turn: Turn, step_id: str, decision: Payload) -> Payload:
        """What a passed step found out."""
        return decision

    def denied(self, turn: Turn, step_id: str, reason: str, decision: Payload, **changes: Any) -> None:
        if turn.planned(step_id).route_denied:
            outcome.complete(turn, step_id, decision, **changes)
        else:
            by = f" by {decision['decided_by']}" if decision.get("decided_by") else ""
            why = f": {decision['reason']}" if decision.get("reason") else ""
            message = f"{str(decision['decision']).lower()}{by}{why}"
            outcome.fail_for_good(turn, step_id, reason, message, **changes)


def _check_said(report: TransitionStep) -> None:
    """What a report says of the decision must be what its state says, by somebody who has a name."""
    said = report.output_payload or {}
    wanted = PASSED if report.state is StepState.COMPLETED else STOPPED
    if "decision" in said and said["decision"] not in wanted:
        raise invalid("output_payload.decision", "contradicts_state", f"a {report.state} gate was {sorted(wanted)}")
    if "decided_by" in said and not (isinstance(said["decided_by"], str) and said["decided_by"].strip()):
        raise invalid("output_payload.decided_by", "bad_name", "decided_by is the name of somebody")


def _decider(turn: Turn, report: TransitionStep) -> str:
    """A person or an agent decides in their own name; only others may say on whose behalf they report."""
    own = turn.actor.startswith(("user:", "agent:"))
    said = (report.output_payload or {}).get("decided_by")
    return turn.actor if own or not said else str(said)


def asker(turn: Turn, step: StepRun) -> str:
    """The agent on whose behalf an approval is requested; empty when there is none."""
    return step.agent_id or turn.run.initiator_agent_id


def is_asker(name: str, agent_id: str) -> bool:
    """Names are compared as people read them, whatever stands before them."""
    return bool(agent_id) and _bare(name) == _bare(agent_id)


def _bare(name: str) -> str:
    return name.strip().casefold().removeprefix("agent:").removeprefix("user:")


def recorded(step: StepRun, noted: Payload) -> dict[str, Any]:
    """The step's evidence with more of our record of the approval."""
    return {**step.evidence, "approval": {**step.evidence.get("approval", {}), **noted}}


def _decision(step: StepRun) -> str:
    return str(step.evidence.get("approval", {}).get("decision", ""))


def approval_for(turn: Turn, step: StepRun) -> RequestApproval:
    planned = turn.planned(step.step_id)
    return RequestApproval(
        agent_id=asker(turn, step),
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
