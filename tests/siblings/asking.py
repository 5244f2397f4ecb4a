"""Calls as the engine makes them: encoded once, then performed."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.domain.answers import Answer, Fault
from service.domain.calls import CreateObjective, Delegate, RequestApproval, SiblingCall
from service.engine.ports.siblings import Errand
from service.siblings import SiblingClients
from tests.world import PATIENCE_SECONDS

WORKSPACE = "ws_acme"
RUN = "wfr_1"

OBJECTIVE = CreateObjective(
    agent_id="agent_idle",
    title="Research the company",
    description='For the lead\n{"action_type": "research_company"}',
    marker="wfr_1/research/1",
)
DELEGATION = Delegate("agent_a", "agent_b", "research", "obj_1", "each[3]", {"lead": "dana"})
APPROVAL = RequestApproval(
    "agent_a", "user_1", "send_outreach", "", {"deal": 85000.0}, {"run_id": RUN, "step_id": "each[3]", "attempt": 2}
)


def held_objective(marker: str = "wfr_1/held/1") -> CreateObjective:
    return CreateObjective(agent_id="agent_idle", title="held", description="", marker=marker)


def errand(
    clients: SiblingClients, call: SiblingCall, key: str = "key", workspace: str = WORKSPACE, repeated: bool = False
) -> Errand:
    request = clients.encode(call, workspace, RUN)
    return Errand(type(call).__name__, request, workspace, RUN, key, repeated)


Asked = TypeVar("Asked")


async def in_short_time(asking: Callable[[float], Awaitable[Asked]], long_enough: Callable[[Asked], bool]) -> Asked:
    """Asks with a short deadline, and with longer ones where that was too short for what has to happen before."""
    for seconds in (0.2, 2.0, 20.0):
        if long_enough(answer := await asking(seconds)):
            return answer
    raise AssertionError(f"no time was long enough: {answer}")


async def ask(
    clients: SiblingClients,
    call: SiblingCall,
    key: str = "key",
    timeout_seconds: float = PATIENCE_SECONDS,
    workspace: str = WORKSPACE,
    repeated: bool = False,
) -> Answer | Fault:
    return await clients.perform(errand(clients, call, key, workspace, repeated), timeout_seconds)
