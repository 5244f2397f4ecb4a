"""Everything that runs on one machine: PostgreSQL, NATS, the simulated siblings, and the service among them.

`surroundings` is all but the service: a migrated database, a bus and siblings, which live in this process or die with
it. `stack` adds the service in this very process; `service_process` runs it in a process of its own, with the same
`environment`, so that it can be killed and started again while everything around it stays. Start both from the main
thread. Used by `workflows dev`, the demo, the journey tests and the benchmarks.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats.errors

from service.config import Config
from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.process import LauncherError
from service.dev.siblings import Script, SimulatedSiblings, Token
from service.engine.ports.failures import StoreUnavailable
from service.store.migrate import Migrator, SchemaMismatch
from service.wiring import Running, running

ANY_PORT = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service needs around it."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    siblings: SimulatedSiblings

    @property
    def dsn(self) -> str:
        return self.postgres.dsn

    @property
    def nats_url(self) -> str:
        return self.nats.url

    def environment(self, grpc: str = ANY_PORT, http: str = ANY_PORT, *, tokens: bool = False) -> dict[str, str]:
        """The service's settings, as `workflows serve` reads them. With `tokens` every caller needs one of those that
        the simulated identity knows."""
        siblings = {f"{name.upper()}_ADDRESS": address for name, address in self.siblings.addresses.items()}
        servers = {"DATABASE_URL": self.dsn, "NATS_URL": self.nats_url}
        auth = {"AUTH": "tokens" if tokens else "off"}
        return {**servers, "GRPC_ADDRESS": grpc, "HTTP_ADDRESS": http, **auth, **siblings}


@dataclass(frozen=True, slots=True)
class Stack:
    """The service and its surroundings, all of it up. `tokens` are those that are good, none where none are needed."""

    surroundings: Surroundings
    service: Running
    tokens: Mapping[str, Token]

    @property
    def grpc(self) -> str:
        return self.service.grpc

    @property
    def http(self) -> str:
        return self.service.http

    @property
    def dsn(self) -> str:
        return self.surroundings.dsn

    @property
    def nats_url(self) -> str:
        return self.surroundings.nats_url

    @property
    def siblings(self) -> SimulatedSiblings:
        return self.surroundings.siblings


@asynccontextmanager
async def surroundings(script: Script, data_dir: Path | None = None) -> AsyncIterator[Surroundings]:
    """The data is in `data_dir` and durable, or temporary and quick. Raises LauncherError."""
    postgres = EmbeddedPostgres(data_dir and data_dir / "postgres", durable=data_dir is not None)
    with postgres, EmbeddedNats(data_dir and data_dir / "nats") as bus:
        await _migrate(postgres.dsn)
        async with _siblings(script, bus) as siblings:
            yield Surroundings(postgres, bus, siblings)


@asynccontextmanager
async def stack(
    script: Script,
    data_dir: Path | None = None,
    *,
    grpc: str = ANY_PORT,
    http: str = ANY_PORT,
    tokens: bool = False,
) -> AsyncIterator[Stack]:
    """Raises LauncherError and StartError, each with one line."""
    async with (
        surroundings(script, data_dir) as around,
        running(Config.read(around.environment(grpc, http, tokens=tokens))) as service,
    ):
        yield Stack(around, service, script.tokens if tokens else {})


async def _migrate(dsn: str) -> None:
    try:
        await Migrator(dsn).up()
    except (SchemaMismatch, StoreUnavailable) as error:
        raise LauncherError(f"the database could not be migrated: {error}") from error


@asynccontextmanager
async def _siblings(script: Script, bus: EmbeddedNats) -> AsyncIterator[SimulatedSiblings]:
    siblings = SimulatedSiblings(script, bus.url)
    try:
        await siblings.start()
    except (nats.errors.Error, OSError) as error:
        raise LauncherError(f"the simulated siblings do not reach {bus.url}: {error}") from error
    try:
        yield siblings
    finally:
        await siblings.stop()
