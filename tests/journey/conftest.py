"""One world for all tests of a module, which keep out of each other's way by definitions and runs of their own."""

from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import parse_script
from tests.fix_store import Databases
from tests.journey.acting import Rows
from tests.world import World, world

SIBLINGS = {
    "agents": [
        {"id": "agent_research", "capabilities": ["company.research"], "prompt_bindings": {"outreach": "stable"}},
        {"id": "agent_qualifier", "capabilities": ["lead.qualification"]},
        {"id": "agent_busy", "capabilities": ["mail.writing"], "current": 9},
        {"id": "agent_idle", "capabilities": ["mail.writing"], "current": 1},
        {"id": "agent_unlisted", "capabilities": ["law.review"], "registered": False},
        {"id": "agent_suspended", "capabilities": ["tax.evasion"], "status": "SUSPENDED"},
    ],
    "prompts": {
        "outreach": {"content": "Write.", "version": 1},
        "outreach@stable": {"content": "Write a line!", "version": 7, "model": "small"},
    },
    "unknown_agents": ["agent_ghost"],
    "unknown_skills": ["skill_ghost"],
    "unknown_prompts": ["prompt_ghost"],
}


@pytest.fixture(scope="module")
async def shared_database(databases: Databases, template: str) -> AsyncIterator[str]:
    async with databases.copied(template, f"shared_{uuid4().hex}") as dsn:
        yield dsn


@pytest.fixture(scope="module")
def settings() -> Mapping[str, str]:
    """What a module wants to be set otherwise in its world."""
    return {}


@pytest.fixture(scope="module")
async def shared(shared_database: str, settings: Mapping[str, str]) -> AsyncIterator[World]:
    with EmbeddedNats() as bus:
        async with world(shared_database, bus.url, parse_script(SIBLINGS), settings) as found:
            yield found


@pytest.fixture(scope="module")
async def rows(shared_database: str) -> AsyncIterator[Rows]:
    """The shared database as its owner sees it."""
    async with await psycopg.AsyncConnection.connect(shared_database, autocommit=True, row_factory=dict_row) as owner:
        yield Rows(owner)
