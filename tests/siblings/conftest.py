"""The simulated siblings with a default script, and clients of them, fresh for every test."""

from collections.abc import AsyncIterator

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.siblings import (
    Entity,
    Prompt,
    RegisteredAgent,
    Ruling,
    Script,
    SimulatedSiblings,
    Skill,
    Token,
    Verdict,
    Work,
)
from service.siblings import SiblingClients
from tests.siblings.asking import WORKSPACE


def script() -> Script:
    return Script(
        agents=(
            RegisteredAgent("agent_busy", ("research",), current=9, max=10),
            RegisteredAgent("agent_idle", ("research",), current=1, prompt_bindings={"outreach": "stable"}),
            RegisteredAgent("agent_banned", ("research",), current=0, status="SUSPENDED"),
            RegisteredAgent("agent_elsewhere", ("research", "alien"), workspace_id="ws_other"),
            RegisteredAgent("agent_unregistered", ("translate",), registered=False),
        ),
        work={"research_company": Work(output={"employees": 640}, cost_usd=0.034), "held": Work(held=True)},
        governance={"send_outreach": Verdict("DENY", "RISK_LEVEL_HIGH", ("too many",), ("cap",))},
        approvals={"routine": Ruling("AUTO_APPROVED", by="policy")},
        skills={
            "skill_ours": Skill("WORKSPACE"),
            "skill_theirs": Skill("WORKSPACE", "ws_other"),
            "skill_private": Skill("PERSONAL", "ws_other"),
        },
        prompts={"outreach": Prompt("Write."), "outreach@stable": Prompt("Write well.", 7, "large")},
        entities={
            "ent_dana": Entity("CONTACT", "Dana", records=("hubspot/101",)),
            "ent_elsewhere": Entity("COMPANY", "Globex", "ws_other"),
        },
        tokens={"secret": Token("user_ann", WORKSPACE, ("workflows:read",))},
        unknown_agents=("agent_ghost",),
        unknown_skills=("skill_ghost",),
        unknown_prompts=("prompt_ghost",),
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
