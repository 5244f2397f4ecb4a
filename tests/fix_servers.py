"""One PostgreSQL and one NATS server for the whole test run, or for each of its processes.

Their data is temporary, PostgreSQL's in memory where there is room, and fsync is off: no test here cuts the power. A
test that stops, kills or wipes a server starts one of its own.
"""

from collections.abc import Iterator

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    # Most tests copy and drop a database of three hundred files, which costs a disk more than all that they test.
    with EmbeddedPostgres(durable=False, in_memory=True) as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server
