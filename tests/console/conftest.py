"""One service for the tests of a module, and a shell in front of it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from service.config import Config
from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import parse_script
from service.dev.siblings.simulation import SimulatedSiblings
from service.wiring import running
from tests.console.shell import Desk, Shell
from tests.fix_store import Databases
from tests.world import WORKSPACE, around

SCRIPT = {
    "agents": [
        {"id": "agent_research", "capabilities": ["company.research"]},
        {"id": "agent_sdr", "capabilities": ["outreach.send"]},
        {"id": "agent_qualifier", "capabilities": ["lead.qualification"]},
    ],
    "governance": {"*": {"decision": "ALLOW"}},
    "work": {
        "lead.qualify": {"output": {"deal_value_usd": 90000, "icp_score": 80}, "cost_usd": 0.01},
        "held": {"held": True},
    },
}


@pytest.fixture(scope="module")
async def module_database(databases: Databases, template: str) -> AsyncIterator[str]:
    async with databases.copied(template, f"console_{uuid4().hex}") as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def desk(module_database: str) -> AsyncIterator[Desk]:
    with EmbeddedNats() as bus:
        async with SimulatedSiblings(parse_script(SCRIPT), bus.url) as siblings:
            addresses = {f"{name.upper()}_ADDRESS": address for name, address in siblings.addresses.items()}
            listening = {"GRPC_ADDRESS": "127.0.0.1:0", "HTTP_ADDRESS": "127.0.0.1:0", "AUTH": "off"}
            environment = {"DATABASE_URL": module_database, "NATS_URL": bus.url, **listening, **addresses}
            async with (
                running(Config.read(environment)) as service,
                around(siblings, bus.url, service.grpc) as world,
            ):
                yield Desk(world, service.grpc, environment)


@pytest.fixture
def shell(desk: Desk) -> Shell:
    return Shell({"WORKFLOWS_ADDRESS": desk.address, "WORKFLOWS_WORKSPACE": WORKSPACE})
