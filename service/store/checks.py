"""Is the database one that the service can work with? Looked at once, for `workflows doctor`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from service.domain.checkup import Check, failed, ok, warning
from service.engine.ports.failures import StoreUnavailable
from service.store.migrate import Migrator, SchemaMismatch
from service.store.pool import ENGINE, READER, Connection, refusal

CONNECT_SECONDS = 5
OLDEST = 15
SKEW_SECONDS, LARGE_SKEW_SECONDS = 1.0, 30.0

_AREA = "database"


async def check(dsn: str, reader_dsn: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[Check]:
    """`reader_dsn` is the login that answers queries, where it is another. `now` is this machine's clock. Never raises
    for what the database does."""
    try:
        async with _connected(dsn) as connection:
            found = [_version(connection), await _role(connection, ENGINE), await _clock(connection, now)]
    except psycopg.Error as error:
        return [_unreachable("DATABASE_URL", error)]
    return [*found, await _reader(reader_dsn or dsn), await _schema(dsn)]


async def _reader(dsn: str) -> Check:
    try:
        async with _connected(dsn) as connection:
            return await _role(connection, READER)
    except psycopg.Error as error:
        return _unreachable("DATABASE_READER_URL", error)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Connection]:
    opening = psycopg.AsyncConnection.connect(
        dsn, autocommit=True, connect_timeout=CONNECT_SECONDS, prepare_threshold=None
    )
    async with await opening as connection:
        yield connection


def _unreachable(setting: str, error: psycopg.Error) -> Check:
    """Of an address that cannot be read nothing is repeated: it may hold a password."""
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return failed(
            _AREA, "connection", "its address cannot be read", f"{setting} is postgresql://user@host/name, say"
        )
    if reason := refusal(error):
        return failed(_AREA, "connection", f"refuses us: {reason}", f"put that right, or correct {setting}")
    code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return failed(_AREA, "connection", f"cannot be reached{code}", f"start PostgreSQL, or correct {setting}")


def _version(connection: Connection) -> Check:
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        return failed(_AREA, "connection", f"PostgreSQL {version}", f"PostgreSQL {OLDEST} or newer is needed")
    return ok(_AREA, "connection", f"PostgreSQL {version}, as {connection.info.user}")


async def _role(connection: Connection, name: str) -> Check:
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(sql.SQL("set local role {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        said = error.diag.message_primary or "cannot be taken"
        user = connection.info.user
        advice = f"run `workflows migrate up`, then `grant {name} to {user}`"
        return failed(_AREA, f"role {name}", said, advice)
    return ok(_AREA, f"role {name}", "can be taken")


async def _clock(connection: Connection, now: Callable[[], datetime]) -> Check:
    before = now()
    cursor = await connection.execute("select clock_timestamp()")
    row = await cursor.fetchone()
    assert row is not None
    trip = now() - before
    skew = abs((row[0] - (before + trip / 2)).total_seconds())
    uncertain = trip.total_seconds() / 2
    found = f"{max(skew - uncertain, 0.0):.1f} s apart from ours"
    if skew - uncertain > LARGE_SKEW_SECONDS:
        return failed(_AREA, "clock", found, "let NTP set the clocks of both machines")
    if skew - uncertain > SKEW_SECONDS:
        return warning(_AREA, "clock", found, "let NTP set the clocks of both machines; logs cannot be compared")
    return ok(_AREA, "clock", found)


async def _schema(dsn: str) -> Check:
    migrator = Migrator(dsn)
    try:
        await migrator.check_current()
    except (SchemaMismatch, StoreUnavailable) as error:
        found = str(error).partition(": run ")[0]  # what to do stands beside it
        return failed(_AREA, "schema", found, "run `workflows migrate up` of the release that serves")
    return ok(_AREA, "schema", f"current, {len(migrator.known)} migrations")
