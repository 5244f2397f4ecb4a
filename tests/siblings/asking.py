"""Calls as the engine makes them: encoded once, then performed."""

from service.domain.effects import Answer, CreateObjective, Fault, SiblingCall
from service.siblings import SiblingClients

WORKSPACE = "ws_acme"
RUN = "wfr_1"

OBJECTIVE = CreateObjective(
    agent_id="agent_idle",
    title="Research the company",
    description='For the lead\n{"action_type": "research_company"}',
    marker="wfr_1/research/1",
)


def held_objective() -> CreateObjective:
    return CreateObjective(agent_id="agent_idle", title="held", description="", marker="wfr_1/held/1")


async def ask(
    clients: SiblingClients, call: SiblingCall, key: str = "key", timeout_seconds: float = 5, workspace: str = WORKSPACE
) -> Answer | Fault:
    request = clients.encode(call, workspace, RUN)
    return await clients.perform(type(call).__name__, request, workspace, key, timeout_seconds)
