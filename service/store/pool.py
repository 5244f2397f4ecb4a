"""Connections: one pool per role, and what a broken connection means.

A `Pool` hands out autocommitting connections that have taken a role which row-level security applies to, with every
timeout set. Behind a PgBouncer in transaction mode nothing that belongs to a session can be set or prepared: there the
login brings the role and the timeouts with it, and one that does not is refused. Reads are repeated once on a fresh
connection; a write is never sent twice, because the outcome of the first is unknown. Whatever keeps the database from
answering becomes `StoreUnavailable`, without its address; where it is silence, or the database has become a standby of
another one, all connections are made anew. That writes are refused is remembered, for `writing` to look again.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
import psycopg
from psycopg import errors
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from service.engine.ports.failures import StoreUnavailable
from service.store.bounded import BoundedConnection, Unanswered

Row: TypeAlias = tuple[Any, ...]
Connection: TypeAlias = psycopg.AsyncConnection[Row]

ENGINE = "workflows_engine"
READER = "workflows_reader"

WAIT_SECONDS = 3.0
"""How long a statement waits for a connection before its caller hears that the database is not there."""
CONNECT_SECONDS = 5
"""How long a new connection may take; a machine that is not there says nothing."""
RECONNECT_SECONDS = 1.0
"""How long the pool tries for one lost connection, at growing intervals, before it begins anew for whoever waits next;
with more, a long outage would go on for its own length after the database is back."""

_SETTINGS = """
set role {role};
set timezone = 'UTC';
set statement_timeout = '15s';
set lock_timeout = '5s';
set idle_in_transaction_session_timeout = '15s';
set jit = off;
set plan_cache_mode = {plans};
"""
_BROUGHT = b"select current_user::text, current_setting('statement_timeout') <> '0'"
_SEE_WORKSPACE = b"select set_config('workflows.workspace', $1, true)"
DEADLOCKS = 3
"""So many times a statement may be the one that is taken back before its caller is told."""

_SILENCE = (psycopg.OperationalError, psycopg.InterfaceError)
_LATE = (errors.IdleInTransactionSessionTimeout, errors.TransactionTimeout)
_REFUSED = (errors.DiskFull, errors.ReadOnlySqlTransaction)
_REFUSAL = re.compile(r"FATAL:\s*(.+)")


@dataclass(frozen=True, slots=True)
class Role:
    """`plans` is generic where every statement goes by key, automatic where filters vary."""

    name: str
    plans: str


@dataclass(frozen=True, slots=True)
class PoolUse:
    """Connections now (`most` is the limit), statements that wait for one, and since the start: how many asked, how
    many had to wait and how long altogether, how many waited in vain, and how many connections were lost."""

    most: int
    size: int
    in_use: int
    waiting: int
    requests: int
    waits: int
    wait_seconds: float
    refused: int
    lost: int


ROLES = {ENGINE: Role(ENGINE, "force_generic_plan"), READER: Role(READER, "auto")}


class _Connections(AsyncConnectionPool[Connection]):
    """Counts who waits by itself: the library goes on counting those who gave up until a connection is free, so that in
    an outage the number would grow and grow."""

    asking = 0

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 (the library's)
        self.asking += 1
        try:
            return await super().getconn(timeout)
        finally:
            self.asking -= 1


class Pool:
    """Connections of one role. Open it before use and close it after."""

    def __init__(
        self, dsn: str, role: str, size: int = 8, wait_seconds: float = WAIT_SECONDS, *, shared_sessions: bool = False
    ) -> None:
        """`shared_sessions`: the address is a pooler's, and every transaction may run in another session."""
        self.refusal = ""
        """SQLSTATE for which a write was refused, until `writing` finds that writes are taken again."""
        self._role = ROLES[role]
        self._shared = shared_sessions
        self._pool = _Connections(
            dsn,
            connection_class=BoundedConnection,
            min_size=min(2, size),
            max_size=size,
            timeout=wait_seconds,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            configure=_read_json if shared_sessions else self._configure,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_SECONDS,
                "prepare_threshold": None if shared_sessions else 0,
                "cursor_factory": psycopg.AsyncRawCursor,
                "application_name": role,
            },
        )

    async def open(self, timeout_seconds: float = 10.0) -> None:
        """Raises StoreUnavailable when the database cannot be reached in time, or the login lets us do nothing."""
        with unavailable():
            await self._pool.open(wait=True, timeout=timeout_seconds)
            if self._shared and await self._once(_BROUGHT, ()) != [(self._role.name, True)]:
                raise StoreUnavailable(f"the login behind the pooler does not bring {self._role.name} and timeouts")

    async def close(self) -> None:
        await self._pool.close()

    @property
    def use(self) -> PoolUse:
        """How much of it is used; asks nobody."""
        seen = self._pool.get_stats()
        return PoolUse(
            most=seen["pool_max"],
            size=seen["pool_size"],
            in_use=seen["pool_size"] - seen["pool_available"],
            waiting=self._pool.asking,
            requests=seen.get("requests_num", 0),
            waits=seen.get("requests_queued", 0),
            wait_seconds=seen.get("requests_wait_ms", 0) / 1000,
            refused=seen.get("requests_errors", 0),
            lost=seen.get("connections_lost", 0),
        )

    async def read(self, query: bytes, params: Sequence[object] = ()) -> list[Row]:
        """One statement that changes nothing."""
        return await self._repeated_if_cut(lambda: self._once(query, params))

    async def read_as(self, workspace: str, query: bytes, params: Sequence[object] = ()) -> list[Row]:
        """One statement that sees the rows of one workspace; two messages, one trip, one transaction."""
        return await self._repeated_if_cut(lambda: self._once_as(workspace, query, params))

    async def write(self, query: bytes, params: Sequence[object] = ()) -> list[Row]:
        """One statement, one transaction. Constraint violations come as psycopg raises them. Sent again if it was taken
        back because it and others waited for each other: then it is certain that it wrote nothing."""
        async with self._unavailable():
            for _ in range(DEADLOCKS):
                with suppress(errors.DeadlockDetected):
                    return await self._once(query, params)
            return await self._once(query, params)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Several statements, one transaction: for what is rare."""
        async with self._unavailable(), self._pool.connection() as connection, connection.transaction():
            yield connection

    async def _repeated_if_cut(self, read: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
        async with self._unavailable():
            try:
                return await read()
            except (PoolTimeout, Unanswered):
                raise  # nobody gains by waiting as long again
            except _SILENCE:
                await self._pool.check()
                return await read()

    @asynccontextmanager
    async def _unavailable(self) -> AsyncIterator[None]:
        with unavailable():
            try:
                yield
            except _REFUSED as refused:
                self.refusal = refused.sqlstate or ""
                if isinstance(refused, errors.ReadOnlySqlTransaction):
                    await self._pool.drain()
                raise
            except Unanswered:
                await self._pool.drain()  # the others are as silent, and each would cost somebody as long
                raise

    async def _once(self, query: bytes, params: Sequence[object]) -> list[Row]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, params)
            told = cursor.pgresult is not None and cursor.pgresult.nfields > 0
            return await cursor.fetchall() if told else []

    async def _once_as(self, workspace: str, query: bytes, params: Sequence[object]) -> list[Row]:
        async with self._pool.connection() as connection:
            async with connection.pipeline():
                await connection.execute(_SEE_WORKSPACE, (workspace,))
                cursor = await connection.execute(query, params)
            return await cursor.fetchall()

    async def _configure(self, connection: Connection) -> None:
        await _read_json(connection)
        settings = _SETTINGS.format(role=self._role.name, plans=self._role.plans)
        await connection.execute(settings.encode(), prepare=False)


async def _read_json(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)


@contextmanager
def unavailable() -> Iterator[None]:
    """Says StoreUnavailable where psycopg tells of silence, timeouts, cut connections and writes that none may do."""
    try:
        yield
    except (*_SILENCE, *_LATE, *_REFUSED) as error:
        raise StoreUnavailable(_trouble(error)) from error


def _trouble(error: psycopg.Error) -> str:
    if error.sqlstate:
        return f"the database does not answer (SQLSTATE {error.sqlstate})"
    reason = refusal(error)
    return f"the database refuses us: {reason}" if reason else "the database does not answer"


def refusal(error: psycopg.Error) -> str:
    """What PostgreSQL says to who may not enter; empty where it said nothing."""
    said = _REFUSAL.search(str(error))
    return said[1] if said else ""
