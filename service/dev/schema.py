"""Prints the golden schema: what the migrations make of an empty database. `make schema` keeps it in sql/schema.sql."""

import asyncio
import sys

from service.dev.postgres import EmbeddedPostgres
from service.store.migrate import Migrator
from service.store.schema import dump


async def _made(dsn: str) -> str:
    await Migrator(dsn).up()
    return await dump(dsn)


def main() -> None:
    with EmbeddedPostgres(durable=False) as server:
        sys.stdout.write(asyncio.run(_made(server.dsn)))


if __name__ == "__main__":
    main()
