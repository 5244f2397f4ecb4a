"""How a refused call looks from outside: its status and reason, nothing of our insides, and nothing stored."""

import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.edge.edge import Refused, refused

INSIDES = re.compile(r"Traceback|File \"|psycopg|postgres|nats:|[a-z](Error|Exception)\b|<class|object at 0x|service\.")
LOOKED_INTO = ("workflow_definitions", "workflow_versions", "workflow_runs", "step_runs")
"""Whose rows are compared; of the other tables, which the background works on as well, the number of rows."""
OF_THE_RELAY = ("replicas", "relay_stream")
"""What a service notes of itself and of the bus soon after it was started."""


class Stored:
    """Everything the database holds, by tables."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        before = await self._content()
        yield
        after = await self._content()
        assert {name: (before[name], found) for name, found in after.items() if found != before[name]} == {}

    async def refuses(self, call: Awaitable[Any]) -> Refused:
        """The call fails with a reason, betrays nothing and leaves no trace."""
        async with self.unchanged():
            seen = await refused(call)
        assert seen.reason
        assert not INSIDES.search(seen.message), seen.message
        return seen

    async def _content(self) -> dict[str, Any]:
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            rows = await connection.execute("select tablename from pg_tables where schemaname = 'public'")
            names = sorted({name for (name,) in await rows.fetchall()}.difference(OF_THE_RELAY))
            return {name: await _digest(connection, name) for name in names}


async def _digest(connection: psycopg.AsyncConnection[Any], name: str) -> Any:
    seen = "md5(string_agg(t::text, '' order by t::text))" if name in LOOKED_INTO else "count(*)"
    rows = await connection.execute(sql.SQL("select " + seen + " from {} t").format(sql.Identifier(name)))
    return await rows.fetchone()
