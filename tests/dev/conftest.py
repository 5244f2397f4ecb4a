"""A server of its own for the tests that end it, and a folder that PostgreSQL's account reaches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.postgres_programs import server_account
from service.dev.scratch import Scratch


@pytest.fixture
def reachable() -> Iterator[Path]:
    # pytest's own folders are closed to everybody but their owner, and root does not run PostgreSQL.
    scratch = Scratch(server_account())
    yield scratch.path
    scratch.remove()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(durable=False) as server:
        yield server


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server
