"""A database whose clock a test moves: `now()` and `clock_timestamp()` of whoever connects from now on go by it.

So do the defaults of columns, for everybody: a default keeps the function that it was made with.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg
from psycopg import sql

_CLOCK = """
create schema moved;
create table moved.clock (by interval not null);
create function moved.now() returns timestamptz language sql stable as 'select pg_catalog.now() + by from moved.clock';
create function moved.clock_timestamp() returns timestamptz language sql volatile
    as 'select pg_catalog.clock_timestamp() + by from moved.clock';
grant usage on schema moved to public;
grant select on moved.clock to public;
do $$
declare
    found record;
begin
    for found in select table_name, column_name, column_default from information_schema.columns
                  where table_schema = 'public' and column_default in ('now()', 'clock_timestamp()') loop
        execute format('alter table %I alter %I set default moved.%s',
                       found.table_name, found.column_name, found.column_default);
    end loop;
end $$;
"""


class MovedClock:
    def __init__(self, owner: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._owner = owner

    async def set(self, at: datetime) -> None:
        """From now on it goes on from there."""
        await self._owner.execute("update moved.clock set by = %s - pg_catalog.clock_timestamp()", (at,))


@asynccontextmanager
async def moved(dsn: str, at: datetime) -> AsyncIterator[MovedClock]:
    """Connections that are there already keep the true clock."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute(_CLOCK)
        await owner.execute("insert into moved.clock values (%s - pg_catalog.clock_timestamp())", (at,))
        name = sql.Identifier(owner.info.dbname)
        await owner.execute(sql.SQL("alter database {} set search_path = moved, pg_catalog, public").format(name))
        yield MovedClock(owner)
