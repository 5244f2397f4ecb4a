"""What is known before an objective is created: who does it, that the skill exists, what the prompt says."""

import pytest
from agents.v1 import agents_pb2
from agents.v1.agents_pb2 import AGENT_STATUS_ACTIVE, AGENT_STATUS_OFFLINE, AgentStatus
from registry.v1.registry_pb2 import Agent, Capacity, DiscoverResponse

from service.dev.nats import EmbeddedNats
from service.dev.siblings import Fault as Scripted
from service.dev.siblings import Script, SimulatedSiblings
from service.domain.answers import Fault, FaultKind, ObjectivePrepared, Prompt
from service.domain.calls import PrepareObjective
from service.siblings import SiblingClients
from service.siblings.agents import binding, getting, listing
from service.siblings.method import Garbled
from service.siblings.registry import discovery
from tests.siblings.asking import WORKSPACE, ask, in_short_time


def able(capability: str) -> PrepareObjective:
    return PrepareObjective("", capability, "", "")


def given(agent_id: str = "agent_idle", skill_id: str = "", prompt_name: str = "") -> PrepareObjective:
    return PrepareObjective(agent_id, "", skill_id, prompt_name)


def methods(siblings: SimulatedSiblings) -> list[str]:
    return [call.method for call in siblings.calls]


async def test_the_least_loaded_of_the_workspace(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    assert await ask(clients, able("research")) == ObjectivePrepared("agent_idle")
    assert methods(siblings) == ["registry.Discover"]


async def test_another_workspaces_agent_is_not_found(clients: SiblingClients) -> None:
    message = "no active agent has the capability alien"
    assert await ask(clients, able("alien")) == Fault(FaultKind.FAILED, "no_agent", message)


async def test_the_agents_service_knows_more(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    assert await ask(clients, able("translate")) == ObjectivePrepared("agent_unregistered")
    assert methods(siblings) == ["registry.Discover", "agents.List"]


async def test_without_a_registry_the_agents_service_is_asked(siblings: SimulatedSiblings) -> None:
    clients = SiblingClients({"agents": siblings.addresses["agents"]})

    found = await ask(clients, able("research"))
    missing = await ask(clients, able("alien"))
    await clients.close()

    assert found == ObjectivePrepared("agent_busy")
    assert isinstance(missing, Fault)
    assert missing.reason == "no_agent"


async def test_nobody_is_missing_while_the_registry_may_still_answer(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    siblings.add_fault(Scripted("registry.Discover", "UNAVAILABLE"))

    answer = await ask(clients, able("alien"))

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "unavailable")


async def test_without_a_script_one_agent_can_do_everything(nats_server: EmbeddedNats) -> None:
    async with SimulatedSiblings(Script(), nats_server.url) as siblings:
        clients = SiblingClients(siblings.addresses)
        assert await ask(clients, able("anything")) == ObjectivePrepared("agent_simulated")
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

    assert discovery("research", WORKSPACE).parse(raw) == chosen


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

    assert listing("research", WORKSPACE).parse(reply.SerializeToString()) == "right"


async def test_a_given_agent_only_has_to_exist(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    assert await ask(clients, given()) == ObjectivePrepared("agent_idle")
    assert methods(siblings) == ["agents.Get"]


async def test_nothing_but_the_workspace_goes_out_with_a_look_up(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    await ask(clients, given(skill_id="skill_crm", prompt_name="outreach"))

    assert {(call.workspace_id, call.idempotency_key) for call in siblings.calls} == {(WORKSPACE, "")}


@pytest.mark.parametrize(
    ("agent_id", "reason"),
    [("agent_ghost", "unknown_agent"), ("agent_elsewhere", "unknown_agent"), ("agent_banned", "agent_suspended")],
)
async def test_a_given_agent_that_cannot_do_it(
    siblings: SimulatedSiblings, clients: SiblingClients, agent_id: str, reason: str
) -> None:
    answer = await ask(clients, given(agent_id, "skill_crm"))

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.FAILED, reason)
    assert agent_id in answer.message
    assert methods(siblings) == ["agents.Get"]


@pytest.mark.parametrize("status", ["ACTIVE", "IDLE", "BUSY", "OFFLINE", "DEGRADED"])
def test_an_agent_that_is_not_suspended_may_be_given(status: str) -> None:
    known_agent = known("agent_a", AgentStatus.Value(f"AGENT_STATUS_{status}"), WORKSPACE)
    raw = agents_pb2.GetResponse(agent=known_agent).SerializeToString()

    assert getting("agent_a", WORKSPACE).parse(raw) == "agent_a"


@pytest.mark.parametrize("skill_id", ["skill_global", "skill_ours"])
async def test_a_skill_of_ours_or_of_everybody(
    siblings: SimulatedSiblings, clients: SiblingClients, skill_id: str
) -> None:
    assert await ask(clients, given(skill_id=skill_id)) == ObjectivePrepared("agent_idle")
    assert methods(siblings) == ["agents.Get", "skills.Get"]


@pytest.mark.parametrize("skill_id", ["skill_ghost", "skill_theirs", "skill_private"])
async def test_a_skill_that_this_workspace_has_not(clients: SiblingClients, skill_id: str) -> None:
    answer = await ask(clients, given(skill_id=skill_id))

    assert answer == Fault(FaultKind.FAILED, "unknown_skill", f"there is no skill {skill_id}")


async def test_a_prompt_is_resolved_with_the_label_that_the_agent_binds(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    bound = await ask(clients, given(prompt_name="outreach"))
    unbound = await ask(clients, given("agent_busy", prompt_name="outreach"))

    assert bound == ObjectivePrepared("agent_idle", Prompt("outreach", "stable", 7, "Write well.", "large"))
    assert unbound == ObjectivePrepared("agent_busy", Prompt("outreach", "", 1, "Write."))
    assert methods(siblings) == ["agents.Get", "agents.GetConfig", "prompts.Resolve"] * 2


async def test_an_agent_found_by_capability_gets_its_own_label(clients: SiblingClients) -> None:
    answer = await ask(clients, PrepareObjective("", "research", "skill_ours", "outreach"))

    assert answer == ObjectivePrepared("agent_idle", Prompt("outreach", "stable", 7, "Write well.", "large"))


async def test_an_agent_without_a_config_binds_nothing(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.add_fault(Scripted("agents.GetConfig", "NOT_FOUND"))

    answer = await ask(clients, given(prompt_name="outreach"))

    assert answer == ObjectivePrepared("agent_idle", Prompt("outreach", "", 1, "Write."))


async def test_a_prompt_that_nobody_knows(clients: SiblingClients) -> None:
    answer = await ask(clients, given(prompt_name="prompt_ghost"))

    assert answer == Fault(FaultKind.FAILED, "unknown_prompt", "there is no prompt prompt_ghost")


async def test_a_label_that_nobody_knows_is_named(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.add_fault(Scripted("prompts.Resolve", "NOT_FOUND"))

    answer = await ask(clients, given(prompt_name="outreach"))

    assert answer == Fault(FaultKind.FAILED, "unknown_prompt", "there is no prompt outreach with the label stable")


LOOK_UPS = ("agents.Get", "skills.Get", "agents.GetConfig", "prompts.Resolve")


@pytest.mark.parametrize("method", LOOK_UPS)
@pytest.mark.parametrize("kind", ["UNAVAILABLE", "GARBAGE", "EMPTY"])
async def test_a_look_up_that_fails_is_asked_again(
    siblings: SimulatedSiblings, clients: SiblingClients, method: str, kind: str
) -> None:
    call = given(skill_id="skill_ours", prompt_name="outreach")
    siblings.add_fault(Scripted(method, kind))

    first = await ask(clients, call)
    second = await ask(clients, call, repeated=True)

    assert isinstance(first, Fault)
    assert first.kind is FaultKind.TRANSPORT
    assert isinstance(second, ObjectivePrepared)
    assert methods(siblings)[: LOOK_UPS.index(method) + 1] == list(LOOK_UPS[: LOOK_UPS.index(method) + 1])


async def test_all_look_ups_share_one_deadline(siblings: SimulatedSiblings, clients: SiblingClients) -> None:
    siblings.add_fault(Scripted("skills.Get", "HANG", times=9))
    call = given(skill_id="skill_ours", prompt_name="outreach")

    answer = await in_short_time(
        lambda seconds: ask(clients, call, timeout_seconds=seconds), lambda _: "skills.Get" in methods(siblings)
    )

    assert isinstance(answer, Fault)
    assert (answer.kind, answer.reason) == (FaultKind.TRANSPORT, "deadline_exceeded")
    assert set(methods(siblings)) == {"agents.Get", "skills.Get"}


async def test_a_hanging_registry_leaves_time_for_the_agents_service(
    siblings: SimulatedSiblings, clients: SiblingClients
) -> None:
    siblings.add_fault(Scripted("registry.Discover", "HANG", times=9))

    answer = await in_short_time(
        lambda seconds: ask(clients, able("translate"), timeout_seconds=seconds),
        lambda answer: not isinstance(answer, Fault),
    )

    assert answer == ObjectivePrepared("agent_unregistered")


@pytest.mark.parametrize("sibling", ["agents", "skills", "prompts"])
async def test_a_look_up_without_an_address_says_whose(siblings: SimulatedSiblings, sibling: str) -> None:
    others = {name: address for name, address in siblings.addresses.items() if name != sibling}
    clients = SiblingClients(others)

    answer = await ask(clients, given(skill_id="skill_ours", prompt_name="outreach"))
    await clients.close()

    assert answer == Fault(FaultKind.FAILED, "not_configured", f"no address is configured for {sibling}")


def test_no_config_is_no_answer() -> None:
    with pytest.raises(Garbled):
        binding("outreach").parse(b"")
