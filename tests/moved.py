"""A database whose clock a test moves: `now()` and `clock_timestamp()` of whoever connects from now on read a table."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg
from psycopg import sql

_CLOCK = """
create schema moved;
create table moved.clock (at timestamptz not null);
create function moved.now() returns timestamptz language sql stable as 'select at from moved.clock';
create function moved.clock_timestamp() returns timestamptz language sql volatile as 'select at from moved.clock';
grant usage on schema moved to public;
grant select on moved.clock to public;
"""


class MovedClock:
    def __init__(self, owner: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._owner = owner

    async def set(self, at: datetime) -> None:
        await self._owner.execute("update moved.clock set at = %s", (at,))


@asynccontextmanager
async def moved(dsn: str, at: datetime) -> AsyncIterator[MovedClock]:
    """Connections that are there already keep the true clock."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute(_CLOCK)
        await owner.execute("insert into moved.clock values (%s)", (at,))
        name = sql.Identifier(owner.info.dbname)
        await owner.execute(sql.SQL("alter database {} set search_path = moved, pg_catalog, public").format(name))
        yield MovedClock(owner)
