"""The simulated agents service and registry: the script's agents, and the work handed between them.

A delegation has at once the status that the script gives to its objective's work; a result it has once the work is
done, also when that was done before it was delegated.
"""

from collections.abc import Iterable

from agents.v1 import agents_pb2 as pb
from registry.v1 import registry_pb2

from service.dev.siblings.script import ANY, RegisteredAgent, Work
from service.dev.siblings.serving import Route
from service.dev.siblings.stage import Stage, found, new_id, page, timestamp

_SERVICE = "agents.v1.AgentService"
_REGISTRY = "registry.v1.RegistryService"


class Agents:
    def __init__(self, stage: Stage) -> None:
        self.delegations: dict[str, pb.DelegationRecord] = {}
        self._stage = stage

    def routes(self) -> list[Route]:
        return [
            Route(_SERVICE, "Get", pb.GetRequest, self._get),
            Route(_SERVICE, "List", pb.ListRequest, self._list),
            Route(_SERVICE, "GetConfig", pb.GetConfigRequest, self._get_config),
            Route(_SERVICE, "Delegate", pb.DelegateRequest, self._delegate, once=True),
            Route(_SERVICE, "GetDelegation", pb.GetDelegationRequest, self._get_delegation),
            Route(_SERVICE, "ListDelegations", pb.ListDelegationsRequest, self._list_delegations),
            Route(_REGISTRY, "Discover", registry_pb2.DiscoverRequest, self._discover),
        ]

    def _get(self, request: pb.GetRequest, workspace_id: str) -> pb.GetResponse:
        """Tells of every workspace's agents, each with its own."""
        return pb.GetResponse(agent=_as_agent(self._agent(request.id), "", workspace_id))

    def _list(self, request: pb.ListRequest, workspace_id: str) -> pb.ListResponse:
        able = [
            _as_agent(agent, request.capability, workspace_id)
            for agent in _able(self._stage.script.agents, request.capability, workspace_id)
            if request.status in (pb.AGENT_STATUS_UNSPECIFIED, _status(agent))
        ]
        return pb.ListResponse(agents=page(able, request.limit, request.offset), total=len(able))

    def _discover(self, request: registry_pb2.DiscoverRequest, workspace_id: str) -> registry_pb2.DiscoverResponse:
        """Tells of every organization, as the real one does."""
        able = [
            _as_registered(agent, request.capability, workspace_id)
            for agent in self._stage.script.agents
            if agent.registered and _can(agent, request.capability)
        ]
        return registry_pb2.DiscoverResponse(agents=page(able, request.limit, 0))

    def _get_config(self, request: pb.GetConfigRequest, workspace_id: str) -> pb.GetConfigResponse:
        agent = self._agent(request.agent_id)
        config = pb.AgentConfig(version=1, agent_id=agent.id, prompt_bindings=agent.prompt_bindings)
        return pb.GetConfigResponse(config=config)

    def _delegate(self, request: pb.DelegateRequest, workspace_id: str) -> pb.DelegateResponse:
        work = self._stage.taken.get(request.objective_id, Work())
        delegation = pb.DelegationRecord(
            id=new_id("del"),
            workspace_id=workspace_id,
            from_agent_id=request.from_agent_id,
            to_agent_id=request.to_agent_id,
            required_capability=request.required_capability,
            objective_id=request.objective_id,
            workflow_run_id=request.workflow_run_id,
            workflow_step_id=request.workflow_step_id,
            context_payload=request.context_payload,
            reason=request.reason,
            status=pb.DelegationStatus.Value(f"DELEGATION_STATUS_{work.delegation}"),
            error_message=work.error_message if work.delegation != "ACCEPTED" else "",
            created_at=timestamp(),
        )
        self.delegations[delegation.id] = delegation
        self._stage.moved()
        return pb.DelegateResponse(delegation=delegation)

    def _get_delegation(self, request: pb.GetDelegationRequest, workspace_id: str) -> pb.GetDelegationResponse:
        delegation = found(self.delegations.get(request.id), "delegation")
        found(delegation if delegation.workspace_id == workspace_id else None, "delegation")
        self._bring_result(delegation)
        return pb.GetDelegationResponse(delegation=delegation)

    def _list_delegations(self, request: pb.ListDelegationsRequest, workspace_id: str) -> pb.ListDelegationsResponse:
        fitting = [
            delegation
            for delegation in self.delegations.values()
            if delegation.workspace_id == request.workspace_id
            and request.from_agent_id in ("", delegation.from_agent_id)
            and request.to_agent_id in ("", delegation.to_agent_id)
            and request.status in (pb.DELEGATION_STATUS_UNSPECIFIED, delegation.status)
            and request.workflow_run_id in ("", delegation.workflow_run_id)
        ]
        return pb.ListDelegationsResponse(delegations=page(fitting, request.limit, request.offset), total=len(fitting))

    def _bring_result(self, delegation: pb.DelegationRecord) -> None:
        result = self._stage.results.get(delegation.objective_id)
        if result is not None and delegation.status == pb.DELEGATION_STATUS_ACCEPTED:
            delegation.status = pb.DELEGATION_STATUS_COMPLETED
            delegation.result_payload = result
            delegation.resolved_at.CopyFrom(timestamp())

    def _agent(self, agent_id: str) -> RegisteredAgent:
        return found(self._stage.script.agent(agent_id), "agent")


def _status(agent: RegisteredAgent) -> pb.AgentStatus.ValueType:
    return pb.AgentStatus.Value(f"AGENT_STATUS_{agent.status}")


def _able(agents: Iterable[RegisteredAgent], capability: str, workspace_id: str) -> list[RegisteredAgent]:
    return [agent for agent in agents if agent.workspace_id in ("", workspace_id) and _can(agent, capability)]


def _can(agent: RegisteredAgent, capability: str) -> bool:
    return not capability or ANY in agent.capabilities or capability in agent.capabilities


def _capabilities(agent: RegisteredAgent, asked: str) -> list[str]:
    named = {asked, *agent.capabilities} if ANY in agent.capabilities else set(agent.capabilities)
    return sorted(named - {"", ANY})


def _as_agent(agent: RegisteredAgent, asked: str, workspace_id: str) -> pb.Agent:
    return pb.Agent(
        id=agent.id,
        workspace_id=agent.workspace_id or workspace_id,
        name=agent.id,
        capabilities=_capabilities(agent, asked),
        status=_status(agent),
        active_config_version=1,
    )


def _as_registered(agent: RegisteredAgent, asked: str, workspace_id: str) -> registry_pb2.Agent:
    return registry_pb2.Agent(
        id=agent.id,
        organization_id=agent.workspace_id or workspace_id,
        capabilities=_capabilities(agent, asked),
        status=agent.status.lower(),
        capacity=registry_pb2.Capacity(current=agent.current, max=agent.max),
        heartbeat_at=timestamp(),
    )
