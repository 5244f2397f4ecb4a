"""Every call the engine may owe a sibling: its request, the method that answers it, and how to find it again.

A new kind of call is one case in `request_of` and one row in `METHODS`. `PrepareObjective` alone has no method of its
own, because it is a few look-ups (see `preparing`).
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from google.protobuf.message import Message

from service.domain.calls import (
    CancelObjective,
    CreateObjective,
    Delegate,
    EvaluateAction,
    GetApproval,
    GetDelegation,
    GetObjective,
    PrepareObjective,
    QueryUsage,
    RequestApproval,
    SendNotification,
    SiblingCall,
)
from service.siblings import approvals, delegations, governance, meter, notifications, objectives, preparing
from service.siblings.method import SiblingMethod
from service.siblings.search import Search

METHODS: Mapping[str, SiblingMethod[Any, Any]] = {
    "CreateObjective": objectives.CREATE,
    "GetObjective": objectives.GET,
    "CancelObjective": objectives.CANCEL,
    "Delegate": delegations.DELEGATE,
    "GetDelegation": delegations.GET,
    "RequestApproval": approvals.REQUEST,
    "GetApproval": approvals.GET,
    "EvaluateAction": governance.EVALUATE,
    "SendNotification": notifications.SEND,
}

SEARCHES: Mapping[str, Callable[[bytes, str], Search | None]] = {
    "CreateObjective": objectives.search,
    "Delegate": delegations.search,
    "RequestApproval": approvals.search,
}
"""By the stored request and the workspace; None for a request that has no mark to be known by."""


def request_of(call: SiblingCall, workspace_id: str, run_id: str) -> Message | bytes:
    """What to store and send. Raises ValueError, TypeError or ParseError for values its fields cannot hold."""
    match call:
        case PrepareObjective():
            return preparing.request(call)
        case CreateObjective():
            return objectives.create_request(call, workspace_id)
        case GetObjective():
            return objectives.get_request(call)
        case CancelObjective():
            return objectives.cancel_request(call)
        case QueryUsage():
            return meter.usage_request(call)
        case Delegate():
            return delegations.delegate_request(call, run_id)
        case GetDelegation():
            return delegations.get_request(call)
        case RequestApproval():
            return approvals.request_approval_request(call, workspace_id)
        case GetApproval():
            return approvals.get_approval_request(call, workspace_id)
        case EvaluateAction():
            return governance.evaluate_request(call, workspace_id)
        case SendNotification():
            return notifications.send_request(call, workspace_id)
        case _:
            assert_never(call)


def method_of(kind: str, request: bytes) -> SiblingMethod[Any, Any]:
    """The meter's reply does not say which objective it is about; its request does."""
    return meter.usage(request) if kind == QueryUsage.__name__ else METHODS[kind]
