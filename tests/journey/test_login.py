"""The service under a login of its own: a member of both roles, owner of nothing."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Script
from service.store.pool import ENGINE, READER
from tests.journey.graphs import agent, chain
from tests.world import world

LOGIN = "workflows_login"


@pytest.fixture
async def login(database: str) -> AsyncIterator[str]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as owner:
        await owner.execute(f"drop role if exists {LOGIN}".encode())
        await owner.execute(f"create role {LOGIN} login password 'secret' in role {ENGINE}, {READER}".encode())
        yield make_conninfo(database, user=LOGIN, password="secret")
        await owner.execute(f"drop role {LOGIN}".encode())


async def test_it_needs_no_more_than_the_two_roles(login: str, own_nats: EmbeddedNats, script: Script) -> None:
    async with world(login, own_nats.url, script) as found:
        published = await found.publish(chain(agent("research")))
        run = await found.start(published.version.definition_id)
        await found.until_told(run.id, "run.completed")
