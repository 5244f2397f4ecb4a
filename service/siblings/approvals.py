"""Decisions of people: asking for one, finding the question again, and reading what was decided.

Whether a gate opens hangs on `_decision`. The sibling tells the outcome twice, as the request's `state` and
as its last decision record; a state that is no decision (such as `resolved`) yields to the record, and an
answer in which one says yes and the other no counts as no answer at all.
"""

from math import isfinite
from typing import Any

from approvals.v1.approvals_pb2 import (
    ApprovalDecision,
    AutoApproveEvidence,
    DecisionType,
    GetApprovalRequest,
    GetApprovalResponse,
    ListPendingRequest,
    ListPendingResponse,
    RequestApprovalRequest,
    RequestApprovalResponse,
    RiskLevel,
)

from service.domain.answers import PASSED, STOPPED, ApprovalRequested, ApprovalStatus
from service.domain.calls import GetApproval, RequestApproval
from service.siblings.method import SURFACE, Garbled, SiblingMethod, demand, json_bytes, json_object
from service.siblings.search import PAGE_SIZE, Search, SearchPage

_SERVICE = "/approvals.v1.ApprovalService"
_UNDECIDED = frozenset({"PENDING", "ESCALATED"})
_KNOWN = PASSED | STOPPED | _UNDECIDED
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


def search(request: bytes, workspace_id: str) -> Search | None:
    """Looks among the open approvals for the one whose context names the same run, step and attempt."""
    origin = _origin(RequestApprovalRequest.FromString(request).context_json)
    if origin is None:
        return None

    def page(offset: int) -> ListPendingRequest:
        return ListPendingRequest(workspace_id=workspace_id, limit=PAGE_SIZE, offset=offset)

    def read(reply: ListPendingResponse) -> SearchPage:
        ours = (each for each in reply.requests if each.id and _origin(each.context_json) == origin)
        return SearchPage(len(reply.requests), reply.total, next((ApprovalRequested(each.id) for each in ours), None))

    return Search(SiblingMethod("approvals", f"{_SERVICE}/ListPending", ListPendingResponse, read), page)


def _origin(context_json: str) -> tuple[Any, ...] | None:
    """Which attempt of which step asked; None for a request that is not of a workflow."""
    context = json_object(context_json.encode()) or {}
    names = ("run_id", "step_id", "attempt")
    return tuple(context[name] for name in names) if all(context.get(name) for name in names) else None


def _requested(reply: RequestApprovalResponse) -> ApprovalRequested:
    approval_id = demand(reply.approval_request.id, "approval id")
    if not reply.HasField("auto_approve_evidence"):
        return ApprovalRequested(approval_id)
    return ApprovalRequested(approval_id, auto_approved=True, evidence=_evidence(reply.auto_approve_evidence))


def _evidence(evidence: AutoApproveEvidence) -> dict[str, Any]:
    return {
        "pattern": evidence.pattern,
        "confidence": _plain(evidence.confidence),
        "observation_count": evidence.observation_count,
        "threshold_applied": _plain(evidence.threshold_applied),
    }


def _plain(single: float) -> float | None:
    """Seven digits are what single precision holds: 0.9, not 0.8999999761581421."""
    return float(f"{single:.7g}") if isfinite(single) else None


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
    if {told, recorded} & PASSED and {told, recorded} & STOPPED:
        raise Garbled(f"state {told} contradicts the recorded decision {recorded}")
    return told if told in _KNOWN else recorded


def _word(text: str) -> str:
    word = text.strip().upper()
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return word


REQUEST = SiblingMethod("approvals", f"{_SERVICE}/RequestApproval", RequestApprovalResponse, _requested)
GET = SiblingMethod("approvals", f"{_SERVICE}/GetApproval", GetApprovalResponse, _status)
