"""One world for all tests of a module, which keep out of each other's way by definitions and runs of their own."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from psycopg.conninfo import make_conninfo

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.siblings.script import parse_script
from tests.fix_store import administer
from tests.world import World, world

SIBLINGS = {
    "agents": [
        {"id": "agent_research", "capabilities": ["company.research"]},
        {"id": "agent_qualifier", "capabilities": ["lead.qualification"]},
    ]
}


@pytest.fixture(scope="module")
async def shared_database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    name = f"shared_{uuid4().hex}"
    await administer(postgres.dsn, "create database {} template {}", name, template)
    yield make_conninfo(postgres.dsn, dbname=name)
    await administer(postgres.dsn, "drop database {} with (force)", name)


@pytest.fixture(scope="module")
async def shared(shared_database: str) -> AsyncIterator[World]:
    with EmbeddedNats() as bus:
        async with world(shared_database, bus.url, parse_script(SIBLINGS)) as found:
            yield found
