"""A connection to the common server for most tests, a server of its own for those that end it."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from nats.js.errors import NotFoundError

from service.bus.connection import Connection
from service.bus.streams import CHANGES_STREAM
from service.dev.nats import EmbeddedNats
from tests.bus.helpers import connected


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    with EmbeddedNats() as server:
        yield server


@pytest.fixture
async def bus(nats_server: EmbeddedNats) -> AsyncIterator[Connection]:
    async with connected(nats_server) as connection:
        yield connection


@pytest.fixture
async def no_changes_stream(bus: Connection) -> AsyncIterator[None]:
    """The bus before anybody made the stream of our changes, and afterwards again."""
    await _forget_changes(bus)
    yield
    await _forget_changes(bus)


@pytest.fixture
async def stream(bus: Connection) -> AsyncIterator[str]:
    """A stream of another service; its subjects are `<name>.>`."""
    name = f"other_{uuid.uuid4().hex}"
    await bus.jetstream.add_stream(name=name, subjects=[f"{name}.>"])
    yield name
    await bus.jetstream.delete_stream(name)


async def _forget_changes(bus: Connection) -> None:
    with suppress(NotFoundError):
        await bus.jetstream.delete_stream(CHANGES_STREAM)
