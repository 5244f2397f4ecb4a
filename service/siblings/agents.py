"""Agents as their own service knows them: that one exists, who can do something, and which prompts an agent uses."""

from collections.abc import Sequence

from agents.v1.agents_pb2 import (
    AGENT_STATUS_ACTIVE,
    AGENT_STATUS_SUSPENDED,
    Agent,
    GetConfigRequest,
    GetConfigResponse,
    GetRequest,
    GetResponse,
    ListRequest,
    ListResponse,
)

from service.domain.answers import Fault, FaultKind
from service.siblings.faults import no_agent, unknown
from service.siblings.method import Garbled, SiblingMethod, demand

_SERVICE = "/agents.v1.AgentService"


def get_request(agent_id: str) -> GetRequest:
    return GetRequest(id=agent_id)


def getting(agent_id: str, workspace_id: str) -> SiblingMethod[GetResponse, str]:
    """AgentService.Get, read as the id of an agent of this workspace that may work."""

    def read(reply: GetResponse) -> str | Fault:
        demand(reply.agent.id, "agent id")
        if reply.agent.workspace_id != workspace_id:
            return unknown("agent", agent_id)
        if reply.agent.status == AGENT_STATUS_SUSPENDED:
            return Fault(FaultKind.FAILED, "agent_suspended", f"agent {agent_id} is suspended")
        return agent_id

    return SiblingMethod("agents", f"{_SERVICE}/Get", GetResponse, read, absent=unknown("agent", agent_id))


def list_request(capability: str, workspace_id: str) -> ListRequest:
    return ListRequest(workspace_id=workspace_id, capability=capability, status=AGENT_STATUS_ACTIVE)


def listing(capability: str, workspace_id: str) -> SiblingMethod[ListResponse, str]:
    """AgentService.List, read as the first agent that really is what was asked for."""

    def read(reply: ListResponse) -> str | Fault:
        fitting = _fitting(reply.agents, capability, workspace_id)
        return fitting[0].id if fitting else no_agent(capability)

    return SiblingMethod("agents", f"{_SERVICE}/List", ListResponse, read)


def _fitting(agents: Sequence[Agent], capability: str, workspace_id: str) -> list[Agent]:
    return [
        agent
        for agent in agents
        if agent.id
        and agent.workspace_id == workspace_id
        and agent.status == AGENT_STATUS_ACTIVE
        and capability in agent.capabilities
    ]


def config_request(agent_id: str) -> GetConfigRequest:
    return GetConfigRequest(agent_id=agent_id)


def binding(prompt_name: str) -> SiblingMethod[GetConfigResponse, str]:
    """AgentService.GetConfig, read as the label that the agent binds to the prompt; empty when it binds none."""

    def read(reply: GetConfigResponse) -> str:
        if not reply.HasField("config"):
            raise Garbled("the reply has no config")
        return reply.config.prompt_bindings.get(prompt_name, "")

    return SiblingMethod("agents", f"{_SERVICE}/GetConfig", GetConfigResponse, read, absent="")
