"""How a refused call looks from outside: its status and reason, nothing of our insides, and nothing stored."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.edge.edge import Refused, refused
from tests.journey.stillness import until_still
from tests.world import World

INSIDES = re.compile(r"Traceback|File \"|psycopg|postgres|nats:|[a-z](Error|Exception)\b|<class|object at 0x|service\.")
LOOKED_INTO = ("workflow_definitions", "workflow_versions", "workflow_runs", "step_runs")
"""Whose rows are compared; of the other tables, which the background works on as well, the number of rows."""
OF_THE_RELAY = ("replicas", "relay_stream")
"""What a service notes of itself and of the bus soon after it was started."""


class Stored:
    """Everything the database holds, by tables, once the world is still."""

    def __init__(self, world: World, dsn: str) -> None:
        self._world = world
        self._dsn = dsn

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[dict[str, Any]]:
        """Holds in the end each table that has changed meanwhile, with what was seen of it before and after."""
        changed: dict[str, Any] = {}
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as owner:
            await until_still(self._world, owner)
            before = await _content(owner)
            yield changed
            after = await _content(owner)
        changed.update({name: (before[name], found) for name, found in after.items() if found != before[name]})

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        async with self.changes() as changes:
            yield
        assert not changes, changes

    async def refuses(self, call: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Refused:
        """The call, which begins here, fails with a reason, betrays nothing and leaves no trace."""
        async with self.unchanged():
            seen = await refused(call(*args, **kwargs))
        assert seen.reason
        assert not INSIDES.search(seen.message), seen.message
        return seen


async def _content(owner: psycopg.AsyncConnection[Any]) -> dict[str, Any]:
    rows = await owner.execute("select tablename from pg_tables where schemaname = 'public'")
    names = sorted({name for (name,) in await rows.fetchall()}.difference(OF_THE_RELAY))
    return {name: await _digest(owner, name) for name in names}


async def _digest(owner: psycopg.AsyncConnection[Any], name: str) -> Any:
    seen = "md5(string_agg(t::text, '' order by t::text))" if name in LOOKED_INTO else "count(*)"
    rows = await owner.execute(sql.SQL("select " + seen + " from {} t").format(sql.Identifier(name)))
    return await rows.fetchone()
