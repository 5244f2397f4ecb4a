"""Who is found for a capability: the least loaded live agent of the workspace, else one the agents service knows."""

import pytest
from agents.v1 import agents_pb2
from agents.v1.agents_pb2 import AGENT_STATUS_ACTIVE, AGENT_STATUS_OFFLINE, AgentStatus
from registry.v1.registry_pb2 import Agent, Capacity, DiscoverResponse

from service.dev.nats import EmbeddedNats
from service.dev.siblings import Fault as Scripted
from service.dev.siblings import Script, SimulatedSiblings
from service.domain.effects import AgentFound, Fault, FaultKind, FindAgent
from service.siblings import SiblingClients
from service.siblings.agents import listing
from service.siblings.registry import discovery
from tests.siblings.asking import WORKSPACE, ask


async def test_the_least_loaded_of_the_workspace(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    assert await ask(clients, FindAgent("research")) == AgentFound("agent_idle")
    assert [call.method for call in siblings.calls] == ["registry.Discover"]


async def test_another_workspaces_agent_is_not_found(clients: SiblingClients) -> None:
    message = "no active agent has the capability alien"
    assert await ask(clients, FindAgent("alien")) == Fault(FaultKind.FAILED, "no_agent", message)


async def test_the_agents_service_knows_more(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    assert await ask(clients, FindAgent("translate")) == AgentFound("agent_unregistered")
    assert [call.method for call in siblings.calls] == ["registry.Discover", "agents.List"]


async def test_without_a_registry_the_agents_service_is_asked(siblings: SimulatedSiblings) -> None:
    clients = SiblingClients({"agents": siblings.addresses["agents"]})

    found = await ask(clients, FindAgent("research"))
    missing = await ask(clients, FindAgent("alien"))
    await clients.close()

    assert found == AgentFound("agent_busy")
    assert isinstance(missing, Fault)
    assert missing.reason == "no_agent"


async def test_nobody_is_missing_while_the_registry_may_still_answer(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    siblings.add_fault(Scripted("registry.Discover", "UNAVAILABLE"))

    answer = await ask(clients, FindAgent("alien"))

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "unavailable")


async def test_without_a_script_one_agent_can_do_everything(nats_server: EmbeddedNats) -> None:
    async with SimulatedSiblings(Script(), nats_server.url) as siblings:
        clients = SiblingClients(siblings.addresses)
        assert await ask(clients, FindAgent("anything")) == AgentFound("agent_simulated")
        await clients.close()


def agent(name: str, current: int, maximum: int, status: str = "active", workspace: str = WORKSPACE) -> Agent:
    return Agent(
        id=name,
        organization_id=workspace,
        status=status,
        capabilities=["research"],
        capacity=Capacity(current=current, max=maximum),
    )


@pytest.mark.parametrize(
    ("agents", "chosen"),
    [
        ([agent("a", 5, 10), agent("b", 40, 100)], "b"),
        ([agent("b", 1, 2), agent("a", 2, 4)], "a"),
        ([agent("a", 0, 0), agent("b", 9, 10)], "b"),
        ([agent("a", 0, 9, "offline"), agent("b", 9, 9, "AGENT_STATUS_ACTIVE")], "b"),
        ([agent("a", 0, 9, workspace="ws_other"), agent("b", 9, 9)], "b"),
    ],
)
def test_choice(agents: list[Agent], chosen: str) -> None:
    raw = DiscoverResponse(agents=agents).SerializeToString()

    assert discovery("research", WORKSPACE).parse(raw) == AgentFound(chosen)


def known(name: str, status: AgentStatus.ValueType, workspace: str, *capabilities: str) -> agents_pb2.Agent:
    return agents_pb2.Agent(id=name, status=status, workspace_id=workspace, capabilities=capabilities)


def test_the_agents_services_word_is_checked_too() -> None:
    reply = agents_pb2.ListResponse(
        agents=[
            known("elsewhere", AGENT_STATUS_ACTIVE, "ws_other", "research"),
            known("offline", AGENT_STATUS_OFFLINE, WORKSPACE, "research"),
            known("unable", AGENT_STATUS_ACTIVE, WORKSPACE, "translate"),
            known("right", AGENT_STATUS_ACTIVE, WORKSPACE, "translate", "research"),
        ]
    )

    assert listing("research", WORKSPACE).parse(reply.SerializeToString()) == AgentFound("right")
