"""A `world` per test: a fresh database of the shared PostgreSQL, a NATS of its own; `script` may be overridden."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script, parse_script
from tests.world import World, world

PIPELINE = {
    "agents": [
        {"id": "agent_research"},
        {"id": "agent_sdr"},
        {"id": "agent_qualifier", "capabilities": ["lead.qualification"]},
    ],
    "governance": {"*": {"decision": "ALLOW"}},
}


@pytest.fixture
def script() -> Script:
    return parse_script(PIPELINE)


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


@pytest.fixture(name="world")
async def world_fixture(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[World]:
    async with world(database, own_nats.url, script) as found:
        yield found
