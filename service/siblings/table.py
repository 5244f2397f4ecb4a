"""Every call the engine may owe a sibling: its request, and the methods that answer it.

A new kind of call is one case in `request_of` and one row in `METHODS`. Finding an agent is the only call
that two siblings can answer: the registry is asked first, with the stored bytes, and then the agents service.
"""

from collections.abc import Mapping
from typing import Any, assert_never

from google.protobuf.message import Message
from registry.v1.registry_pb2 import DiscoverRequest

from service.domain.effects import (
    CancelObjective,
    CreateObjective,
    Delegate,
    EvaluateAction,
    FindAgent,
    GetApproval,
    RequestApproval,
    SendNotification,
    SiblingCall,
)
from service.siblings import agents, approvals, governance, notifications, objectives, registry
from service.siblings.method import Method

SIBLINGS = ("objectives", "agents", "registry", "approvals", "governance", "notifications")

METHODS: Mapping[str, Method[Any]] = {
    "CreateObjective": objectives.CREATE,
    "CancelObjective": objectives.CANCEL,
    "Delegate": agents.DELEGATE,
    "RequestApproval": approvals.REQUEST,
    "GetApproval": approvals.GET,
    "EvaluateAction": governance.EVALUATE,
    "SendNotification": notifications.SEND,
}


def request_of(call: SiblingCall, workspace_id: str, run_id: str) -> Message:
    """The message to send. Raises ValueError, TypeError or ParseError for values its fields cannot hold."""
    match call:
        case FindAgent():
            return registry.discover_request(call)
        case CreateObjective():
            return objectives.create_request(call, workspace_id)
        case CancelObjective():
            return objectives.cancel_request(call)
        case Delegate():
            return agents.delegate_request(call, run_id)
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


def questions(kind: str, request: bytes, workspace_id: str) -> list[tuple[Method[Any], bytes]]:
    """Which methods to ask with which bytes, in this order, until one answers."""
    if kind == FindAgent.__name__:
        return _agent_questions(request, workspace_id)
    return [(METHODS[kind], request)]


def _agent_questions(request: bytes, workspace_id: str) -> list[tuple[Method[Any], bytes]]:
    capability = DiscoverRequest.FromString(request).capability
    listed = agents.list_request(capability, workspace_id).SerializeToString(deterministic=True)
    return [
        (registry.discovery(capability, workspace_id), request),
        (agents.listing(capability, workspace_id), listed),
    ]
