"""The simulated siblings with a default script, and clients of them, fresh for every test."""

from collections.abc import AsyncIterator

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.siblings import RegisteredAgent, Ruling, Script, SimulatedSiblings, Verdict, Work
from service.siblings import SiblingClients


def script() -> Script:
    return Script(
        agents=(
            RegisteredAgent("agent_busy", ("research",), current=9, max=10),
            RegisteredAgent("agent_idle", ("research",), current=1, max=10),
            RegisteredAgent("agent_elsewhere", ("research", "alien"), workspace_id="ws_other"),
            RegisteredAgent("agent_unregistered", ("translate",), registered=False),
        ),
        work={"research_company": Work(output={"employees": 640}, cost_usd=0.034), "held": Work(held=True)},
        governance={"send_outreach": Verdict("DENY", "RISK_LEVEL_HIGH", ("too many",), ("cap",))},
        approvals={"routine": Ruling("AUTO_APPROVED", by="policy")},
    )


@pytest.fixture
async def siblings(nats_server: EmbeddedNats) -> AsyncIterator[SimulatedSiblings]:
    async with SimulatedSiblings(script(), nats_server.url) as simulated:
        yield simulated


@pytest.fixture
async def clients(siblings: SimulatedSiblings) -> AsyncIterator[SiblingClients]:
    opened = SiblingClients(siblings.addresses)
    yield opened
    await opened.close()
