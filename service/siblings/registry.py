"""Live agents: who has a capability, and how busy each is.

Discover cannot be asked for one organization, and spells an agent's status as free text; so it is asked by
capability alone, and what it found is filtered here. An agent of another workspace never leaves this module.
"""

from collections.abc import Sequence

from registry.v1.registry_pb2 import Agent, DiscoverRequest, DiscoverResponse

from service.domain.answers import Fault
from service.siblings.faults import no_agent
from service.siblings.method import SiblingMethod

_LIMIT = 500


def discover_request(capability: str) -> DiscoverRequest:
    return DiscoverRequest(capability=capability, limit=_LIMIT)


def discovery(capability: str, workspace_id: str) -> SiblingMethod[DiscoverResponse, str]:
    """RegistryService.Discover, read as the least loaded agent that fits; ties go to the smaller id."""

    def read(reply: DiscoverResponse) -> str | Fault:
        fitting = _fitting(reply.agents, capability, workspace_id)
        if not fitting:
            return no_agent(capability)
        return min(fitting, key=lambda agent: (_load(agent), agent.id)).id

    return SiblingMethod("registry", "/registry.v1.RegistryService/Discover", DiscoverResponse, read)


def _fitting(agents: Sequence[Agent], capability: str, workspace_id: str) -> list[Agent]:
    return [
        agent
        for agent in agents
        if agent.id
        and agent.organization_id == workspace_id
        and capability in agent.capabilities
        and _is_active(agent.status)
    ]


def _is_active(status: str) -> bool:
    return status.upper().removeprefix("AGENT_STATUS_") == "ACTIVE"


def _load(agent: Agent) -> float:
    """The used share of the capacity. An agent that announces none counts as fully used."""
    return agent.capacity.current / agent.capacity.max if agent.capacity.max > 0 else 1.0
