"""One PostgreSQL and one NATS server for the whole test run, or for each of its processes.

Their data is temporary, PostgreSQL's in memory where there is room, and fsync is off: no test here cuts the power. A
test that stops, kills or wipes a server starts one of its own.
"""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    # Most tests copy and drop a database of three hundred files, which costs a disk more than all that they test.
    with EmbeddedPostgres(durable=False, in_memory=True) as server:
        make_quick_to_enter(server.dsn)
        yield server


def make_quick_to_enter(dsn: str) -> None:
    """The password stays, and is no longer hard to guess: to prove that one knows it costs a client most of what
    connecting does, and thousands connect."""
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute("select set_config(name, '1', false) from pg_settings where name = 'scram_iterations'")
        superuser.execute(sql.SQL("alter role postgres password {}").format(superuser.info.password))


@pytest.fixture(scope="session")
def nats_server() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server
