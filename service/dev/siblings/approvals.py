"""The simulated approvals service: a request waits for its scripted decision, or for somebody to decide it.

A decision is first on record, where GetApproval finds it, and then told on the bus.
"""

import asyncio
from dataclasses import dataclass, field

from approvals.v1 import approvals_pb2 as pb

from service.dev.siblings.script import Ruling
from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage, found, new_id, page, timestamp

_SERVICE = "approvals.v1.ApprovalService"
_OPEN = ("PENDING", "ESCALATED")
_AUTO = "AUTO_APPROVED"


@dataclass(slots=True)
class Approval:
    request: pb.ApprovalRequest
    state: str = "PENDING"
    decisions: list[pb.ApprovalDecision] = field(default_factory=list)


class Approvals:
    def __init__(self, stage: Stage) -> None:
        self.records: dict[str, Approval] = {}
        self._stage = stage

    def routes(self) -> list[Route]:
        return [
            Route(_SERVICE, "RequestApproval", pb.RequestApprovalRequest, self._request, once=True),
            Route(_SERVICE, "GetApproval", pb.GetApprovalRequest, self._get),
            Route(_SERVICE, "ListPending", pb.ListPendingRequest, self._list_pending),
        ]

    async def decide(self, approval_id: str, ruling: Ruling) -> None:
        """Raises KeyError for an unknown approval, ValueError for one that is decided."""
        approval = self.records[approval_id]
        await self._tell(approval, self._record(approval, ruling))

    def _request(self, request: pb.RequestApprovalRequest, workspace_id: str) -> pb.RequestApprovalResponse:
        approval = Approval(_opened(request))
        self.records[approval.request.id] = approval
        self._stage.moved()
        ruling = self._stage.script.ruling_on(request.action_type)
        if ruling.decision != _AUTO:
            self._stage.spawn(self._await_ruling(approval, ruling))
            return pb.RequestApprovalResponse(approval_request=approval.request)
        self._stage.spawn(self._tell(approval, self._record(approval, ruling)))
        evidence = pb.AutoApproveEvidence(
            pattern=request.action_type, confidence=0.97, observation_count=40, threshold_applied=0.9
        )
        return pb.RequestApprovalResponse(approval_request=approval.request, auto_approve_evidence=evidence)

    async def _await_ruling(self, approval: Approval, ruling: Ruling) -> None:
        if ruling.decision:
            await asyncio.sleep(ruling.delay_seconds)
            if approval.state in _OPEN:
                await self.decide(approval.request.id, ruling)

    def _record(self, approval: Approval, ruling: Ruling) -> pb.ApprovalDecision:
        if approval.state not in _OPEN:
            raise ValueError(f"{approval.request.id} is {approval.state}")
        decision = pb.ApprovalDecision(
            id=new_id("dec"),
            approval_request_id=approval.request.id,
            decision=pb.DecisionType.Value(f"DECISION_TYPE_{ruling.decision}"),
            decided_by=ruling.by,
            reason=ruling.reason,
            decided_at=timestamp(),
        )
        approval.decisions.append(decision)
        approval.state = ruling.decision
        self._stage.moved()
        return decision

    async def _tell(self, approval: Approval, decision: pb.ApprovalDecision) -> None:
        verb = pb.DecisionType.Name(decision.decision).removeprefix("DECISION_TYPE_").lower()
        subject = f"approvals.events.decision.{verb}"
        await self._stage.changes.publish("approvals", subject, approval.request.workspace_id, decision)

    def _get(self, request: pb.GetApprovalRequest, workspace_id: str) -> pb.GetApprovalResponse:
        approval = found(self.records.get(request.approval_request_id), "approval")
        found(approval if approval.request.workspace_id == request.workspace_id else None, "approval")
        return pb.GetApprovalResponse(
            approval_request=approval.request, decisions=approval.decisions, state=approval.state.lower()
        )

    def _list_pending(self, request: pb.ListPendingRequest, workspace_id: str) -> pb.ListPendingResponse:
        pending = [
            approval.request
            for approval in self.records.values()
            if approval.state in _OPEN and approval.request.workspace_id == request.workspace_id
        ]
        return pb.ListPendingResponse(requests=page(pending, request.limit, request.offset), total=len(pending))


def _opened(request: pb.RequestApprovalRequest) -> pb.ApprovalRequest:
    return pb.ApprovalRequest(
        id=new_id("apr"),
        workspace_id=request.workspace_id,
        approver_user_id=request.approver_user_id,
        agent_id=request.agent_id,
        surface=request.surface,
        action_type=request.action_type,
        action_payload=request.action_payload,
        risk_level=request.risk_level,
        context_json=request.context_json,
        created_at=timestamp(),
        updated_at=timestamp(),
    )
