"""Every call of the domain reaches its sibling and comes back as its answer, over a real channel."""

import json

import pytest
from agents.v1.agents_pb2 import DelegateRequest
from approvals.v1.approvals_pb2 import RISK_LEVEL_HIGH, RequestApprovalRequest
from governance.v1.governance_pb2 import EvaluateActionRequest
from notifications.v1.notifications_pb2 import DELIVERY_CHANNEL_SLACK, PRIORITY_HIGH, SendRequest
from objectives.v1.objectives_pb2 import OBJECTIVE_STATE_CANCELLED, CreateRequest

from service.dev.siblings import SimulatedSiblings, Verdict
from service.domain.answers import (
    ActionEvaluated,
    ApprovalRequested,
    ApprovalStatus,
    Delegated,
    Fault,
    FaultKind,
    NotificationSent,
    ObjectiveCancelled,
    ObjectiveCreated,
)
from service.domain.calls import (
    CancelObjective,
    Delegate,
    EvaluateAction,
    GetApproval,
    RequestApproval,
    SendNotification,
)
from service.siblings import SiblingClients
from tests.siblings.asking import OBJECTIVE, RUN, WORKSPACE, ask, held_objective


async def test_create_objective(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    answer = await ask(clients, OBJECTIVE, key="wfr_1/research/1/CreateObjective")

    assert isinstance(answer, ObjectiveCreated)
    assert answer.agent_id == "agent_idle"
    assert siblings.objectives[answer.objective_id].title == "Research the company"
    [call] = siblings.calls
    assert (call.method, call.workspace_id) == ("objectives.Create", WORKSPACE)
    assert call.idempotency_key == "wfr_1/research/1/CreateObjective"
    sent = CreateRequest.FromString(call.request)
    assert (sent.workspace_id, sent.surface) == (WORKSPACE, "workflows")
    assert sent.description.splitlines()[-1] == "wfr_1/research/1"


async def test_cancel_objective(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    created = await ask(clients, held_objective())
    assert isinstance(created, ObjectiveCreated)

    answer = await ask(clients, CancelObjective(created.objective_id, "timed out"), key="cancel")

    assert answer == ObjectiveCancelled(created.objective_id)
    assert siblings.objectives[created.objective_id].state == OBJECTIVE_STATE_CANCELLED


async def test_cancelling_what_has_ended_fails(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    created = await ask(clients, held_objective())
    assert isinstance(created, ObjectiveCreated)
    call = CancelObjective(created.objective_id, "timed out")
    await ask(clients, call, key="first")

    answer = await ask(clients, call, key="second")

    message = f"{created.objective_id} has ended"
    assert answer == Fault(FaultKind.FAILED, "failed_precondition", message)


async def test_delegate(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    answer = await ask(clients, Delegate("agent_a", "agent_b", "research", "obj_1", "research", {"b": 1, "a": [2]}))

    assert isinstance(answer, Delegated)
    assert answer == Delegated(answer.delegation_id, "ACCEPTED")
    assert answer.delegation_id in siblings.delegations
    sent = DelegateRequest.FromString(siblings.calls[-1].request)
    assert (sent.workflow_run_id, sent.workflow_step_id) == (RUN, "research")
    assert sent.context_payload == b'{"a":[2],"b":1}'


async def test_request_approval_and_read_the_decision(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    call = RequestApproval("agent_a", "user_1", "send_outreach", "RISK_LEVEL_HIGH", {"deal": 85000.0}, {"why": "big"})
    requested = await ask(clients, call)
    assert isinstance(requested, ApprovalRequested)
    assert not requested.auto_approved
    sent = RequestApprovalRequest.FromString(siblings.calls[-1].request)
    assert (sent.risk_level, sent.action_payload, sent.approver_user_id) == (
        RISK_LEVEL_HIGH,
        b'{"deal":85000.0}',
        "user_1",
    )
    assert json.loads(sent.context_json) == {"why": "big"}

    approval_id = requested.approval_request_id
    assert await ask(clients, GetApproval(approval_id)) == ApprovalStatus(approval_id, "PENDING")
    await siblings.decide_approval(approval_id, "ESCALATED", "user_1", "not mine")
    assert await ask(clients, GetApproval(approval_id)) == ApprovalStatus(
        approval_id, "ESCALATED", "user_1", "not mine"
    )
    await siblings.decide_approval(approval_id, "DENIED", "user_2", "too risky")
    assert await ask(clients, GetApproval(approval_id)) == ApprovalStatus(approval_id, "DENIED", "user_2", "too risky")


async def test_auto_approval_is_a_claim_that_can_be_confirmed(clients: SiblingClients) -> None:
    requested = await ask(clients, RequestApproval("agent_a", "", "routine", "", {}, {}))
    assert isinstance(requested, ApprovalRequested)
    assert requested.auto_approved
    assert requested.evidence == {
        "pattern": "routine",
        "confidence": 0.97,
        "observation_count": 40,
        "threshold_applied": 0.9,
    }

    confirmed = await ask(clients, GetApproval(requested.approval_request_id))

    assert isinstance(confirmed, ApprovalStatus)
    assert (confirmed.decision, confirmed.decided_by) == ("AUTO_APPROVED", "policy")


async def test_an_approval_of_another_workspace_is_not_found(clients: SiblingClients) -> None:
    requested = await ask(clients, RequestApproval("agent_a", "", "send_outreach", "", {}, {}))
    assert isinstance(requested, ApprovalRequested)

    answer = await ask(clients, GetApproval(requested.approval_request_id), workspace="ws_other")

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.FAILED, "not_found")


async def test_evaluate_action(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    context = {"record_count": 3.0, "currency_amount": 85000.0, "currency_code": "USD", "unknown": [1]}

    answer = await ask(clients, EvaluateAction("agent_a", "send_outreach", {"to": "x"}, context))

    assert answer == ActionEvaluated("DENY", "RISK_LEVEL_HIGH", ("too many",), ("cap",))
    sent = EvaluateActionRequest.FromString(siblings.calls[-1].request)
    assert (sent.context.record_count, sent.context.currency_amount, sent.context.currency_code) == (3, 85000.0, "USD")


async def test_an_evaluation_without_a_decision_is_no_answer(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    siblings.script.governance["send_outreach"] = Verdict("UNSPECIFIED")

    answer = await ask(clients, EvaluateAction("agent_a", "send_outreach", {}, {}))

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "garbled_reply")


async def test_send_notification(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    call = SendNotification(
        recipient_id="user_1",
        channel="DELIVERY_CHANNEL_SLACK",
        priority="PRIORITY_HIGH",
        category="",
        subject="Outreach",
        body="sent",
        template="outreach_sent",
        variables={"lead": "Dana"},
    )

    answer = await ask(clients, call)

    assert isinstance(answer, NotificationSent)
    assert siblings.notifications[answer.notification_id].body == "sent"
    sent = SendRequest.FromString(siblings.calls[-1].request)
    assert (sent.channel, sent.priority, sent.template_name) == (DELIVERY_CHANNEL_SLACK, PRIORITY_HIGH, "outreach_sent")
    assert json.loads(sent.template_variables_json) == {"lead": "Dana"}


async def test_metadata_outside_ascii_is_percent_encoded(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    await ask(clients, OBJECTIVE, key="100% ü", workspace="büro")

    assert siblings.calls[-1].workspace_id == "b%C3%BCro"
    assert siblings.calls[-1].idempotency_key == "100%25 %C3%BC"


@pytest.mark.parametrize(
    ("workspace", "said"), [(" ws a ", "%20ws a%20"), ("  ", "%20%20"), ("a a", "a a"), ("\t", "%09"), ("", "")]
)
async def test_blanks_at_the_ends_of_metadata_are_percent_encoded(
    siblings: SimulatedSiblings, clients: SiblingClients, workspace: str, said: str
) -> None:
    """HTTP/2 forbids them there, and whoever passes the call on may drop them."""
    await ask(clients, OBJECTIVE, workspace=workspace)

    assert siblings.calls[-1].workspace_id == said
