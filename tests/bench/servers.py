"""The servers of one benchmark: a durable PostgreSQL and a NATS of its own, and a migrated database per measurement.

Both are temporary and end with the benchmark. Nobody else uses them, so what a measurement reads from the server (its
commits, its streams) is its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.store.migrate import Migrator


@dataclass(frozen=True, slots=True)
class Servers:
    postgres: EmbeddedPostgres
    nats: EmbeddedNats

    async def database(self, name: str) -> str:
        """The DSN of a new, migrated database."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn, autocommit=True) as connection:
            await connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        dsn = make_conninfo(self.postgres.dsn, dbname=name)
        await Migrator(dsn).up()
        return dsn

    def environment(self, dsn: str) -> dict[str, str]:
        """The settings of a service on that database; it has no siblings, and HUMAN_TASK steps need none."""
        return {"DATABASE_URL": dsn, "NATS_URL": self.nats.url, "LOG_LEVEL": "ERROR"}


@contextmanager
def servers() -> Iterator[Servers]:
    """Raises LauncherError."""
    with EmbeddedPostgres() as postgres, EmbeddedNats() as nats:
        yield Servers(postgres, nats)
