"""The rules of a workspace: may this action be taken? Only a clear answer counts, only a clear ALLOW is a yes."""

from google.protobuf.json_format import ParseDict
from governance.v1.governance_pb2 import (
    ActionContext,
    ActionDecision,
    EvaluateActionRequest,
    EvaluateActionResponse,
    RiskLevel,
)

from service.domain.answers import ActionEvaluated
from service.domain.calls import EvaluateAction
from service.domain.definition import Payload
from service.siblings.method import Garbled, SiblingMethod, json_bytes


def evaluate_request(call: EvaluateAction, workspace_id: str) -> EvaluateActionRequest:
    return EvaluateActionRequest(
        workspace_id=workspace_id,
        agent_id=call.agent_id,
        action_type=call.action_type,
        action_payload=json_bytes(call.payload),
        context=_context(call.context),
    )


def _context(context: Payload) -> ActionContext:
    """Takes the fields the sibling knows. Raises ParseError when one has a value that is not of its type."""
    return ParseDict(dict(context), ActionContext(), ignore_unknown_fields=True)


def _evaluated(reply: EvaluateActionResponse) -> ActionEvaluated:
    evaluation = reply.evaluation
    if not evaluation.decision or evaluation.decision not in ActionDecision.values():
        raise Garbled(f"the reply has no decision: {evaluation.decision}")
    return ActionEvaluated(
        decision=ActionDecision.Name(evaluation.decision).removeprefix("ACTION_DECISION_"),
        risk_level=_risk_level(evaluation.risk_level),
        reasons=tuple(evaluation.reasons),
        matched_rules=tuple(evaluation.matched_rules),
    )


def _risk_level(level: RiskLevel.ValueType) -> str:
    return RiskLevel.Name(level) if level and level in RiskLevel.values() else ""


EVALUATE = SiblingMethod(
    "governance", "/governance.v1.GovernanceService/EvaluateAction", EvaluateActionResponse, _evaluated
)
