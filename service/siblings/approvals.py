"""Decisions of people: asking for one, and reading what was decided.

Whether a gate opens hangs on `_decision`. The sibling tells the outcome twice, as the request's `state` and
as its last decision record; a state that is no decision (such as `resolved`) yields to the record, and an
answer in which one says yes and the other no counts as no answer at all.
"""

from approvals.v1.approvals_pb2 import (
    ApprovalDecision,
    DecisionType,
    GetApprovalRequest,
    GetApprovalResponse,
    RequestApprovalRequest,
    RequestApprovalResponse,
    RiskLevel,
)

from service.domain.effects import ApprovalRequested, ApprovalStatus, GetApproval, RequestApproval
from service.siblings.method import SURFACE, Garbled, Method, demand, json_bytes

_PASSING = frozenset({"APPROVED", "AUTO_APPROVED"})
_REFUSING = frozenset({"DENIED", "EXPIRED"})
_UNDECIDED = frozenset({"PENDING", "ESCALATED"})
_KNOWN = _PASSING | _REFUSING | _UNDECIDED
_PREFIXES = ("DECISION_TYPE_", "APPROVAL_STATE_")


def request_approval_request(call: RequestApproval, workspace_id: str) -> RequestApprovalRequest:
    return RequestApprovalRequest(
        workspace_id=workspace_id,
        approver_user_id=call.approver_user_id,
        agent_id=call.agent_id,
        surface=SURFACE,
        action_type=call.action_type,
        action_payload=json_bytes(call.payload),
        risk_level=RiskLevel.Value(call.risk_level or "RISK_LEVEL_UNSPECIFIED"),
        context_json=json_bytes(call.context).decode(),
    )


def get_approval_request(call: GetApproval, workspace_id: str) -> GetApprovalRequest:
    return GetApprovalRequest(approval_request_id=call.approval_request_id, workspace_id=workspace_id)


def _requested(reply: RequestApprovalResponse) -> ApprovalRequested:
    approval_id = demand(reply.approval_request.id, "approval id")
    return ApprovalRequested(approval_id, auto_approved=reply.HasField("auto_approve_evidence"))


def _status(reply: GetApprovalResponse) -> ApprovalStatus:
    approval_id = demand(reply.approval_request.id, "approval id")
    last = _last(reply)
    return ApprovalStatus(approval_id, _decision(reply.state, last), last.decided_by, last.reason)


def _last(reply: GetApprovalResponse) -> ApprovalDecision:
    """The latest record, an unset one when there is none; of two at one time the later in the list."""
    in_order = sorted(reply.decisions, key=lambda record: record.decided_at.ToNanoseconds())
    return in_order[-1] if in_order else ApprovalDecision()


def _decision(state: str, last: ApprovalDecision) -> str:
    told = _word(state)
    recorded = _word(DecisionType.Name(last.decision) if last.decision in DecisionType.values() else "")
    if told not in _KNOWN and recorded not in _KNOWN:
        raise Garbled(f"neither a state nor a decision: {state[:64]!r}")
    if {told, recorded} & _PASSING and {told, recorded} & _REFUSING:
        raise Garbled(f"state {told} contradicts the recorded decision {recorded}")
    return told if told in _KNOWN else recorded


def _word(text: str) -> str:
    word = text.strip().upper()
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return word


REQUEST = Method("approvals", "/approvals.v1.ApprovalService/RequestApproval", RequestApprovalResponse, _requested)
GET = Method("approvals", "/approvals.v1.ApprovalService/GetApproval", GetApprovalResponse, _status)
