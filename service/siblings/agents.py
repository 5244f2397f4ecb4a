"""Agents as their own service knows them: handing work over, and finding one when the registry names none."""

from collections.abc import Sequence

from agents.v1.agents_pb2 import (
    AGENT_STATUS_ACTIVE,
    Agent,
    DelegateRequest,
    DelegateResponse,
    ListRequest,
    ListResponse,
)

from service.domain.effects import AgentFound, Delegate, Delegated, Fault
from service.siblings.faults import no_agent
from service.siblings.method import Method, demand, json_bytes


def delegate_request(call: Delegate, run_id: str) -> DelegateRequest:
    return DelegateRequest(
        from_agent_id=call.from_agent_id,
        to_agent_id=call.to_agent_id,
        required_capability=call.required_capability,
        objective_id=call.objective_id,
        workflow_run_id=run_id,
        workflow_step_id=call.step_id,
        context_payload=json_bytes(call.context),
    )


def list_request(capability: str, workspace_id: str) -> ListRequest:
    return ListRequest(workspace_id=workspace_id, capability=capability, status=AGENT_STATUS_ACTIVE)


def listing(capability: str, workspace_id: str) -> Method[ListResponse]:
    """AgentService.List, read as the first agent that really is what was asked for."""

    def read(reply: ListResponse) -> AgentFound | Fault:
        fitting = _fitting(reply.agents, capability, workspace_id)
        return AgentFound(fitting[0].id) if fitting else no_agent(capability)

    return Method("agents", "/agents.v1.AgentService/List", ListResponse, read)


def _fitting(agents: Sequence[Agent], capability: str, workspace_id: str) -> list[Agent]:
    return [
        agent
        for agent in agents
        if agent.id
        and agent.workspace_id == workspace_id
        and agent.status == AGENT_STATUS_ACTIVE
        and capability in agent.capabilities
    ]


def _delegated(reply: DelegateResponse) -> Delegated:
    return Delegated(demand(reply.delegation.id, "delegation id"))


DELEGATE = Method("agents", "/agents.v1.AgentService/Delegate", DelegateResponse, _delegated)
