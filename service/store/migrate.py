"""The schema's way up and down, one numbered file at a time.

`sql/migrations/NNNN_name.up.sql` and `.down.sql` are applied in order, each in a transaction with its line in the
ledger `schema_migrations`; a file that begins with `-- no transaction` runs on its own. The ledger keeps the hash of
every file, so an edited one is noticed. Two migrators never work at once: they take turns by an advisory lock, which is
polled, because a blocked session would deadlock with an index that is built concurrently. The service itself only
checks that the schema is the one it was written for.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

from service.store.pool import unavailable
from service.store.queries import sql_folder

Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

ALONE = "-- no transaction"
_FILE = re.compile(r"(\d{4})_(\w+)\.up\.sql")
_LOCK = 7_236_061_125  # any number that nothing else in the database locks
_POLL_SECONDS = 0.1
_SETTINGS = "set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '60s'; set statement_timeout = 0"
_LEDGER = """create table if not exists schema_migrations (
    version     integer primary key,
    name        text not null,
    sha256      text not null,
    applied_at  timestamptz not null default now()
);
comment on table schema_migrations is 'Which migrations this database has seen.';
comment on column schema_migrations.version is 'Number of the migration.';
comment on column schema_migrations.name is 'Its name.';
comment on column schema_migrations.sha256 is 'Hash of its file when it was applied.';
comment on column schema_migrations.applied_at is 'When.';
grant select on schema_migrations to public;
"""
_INSERT = "insert into schema_migrations (version, name, sha256) values (%s, %s, %s)"
_DELETE = "delete from schema_migrations where version = %s"
_SCRIPT = """do $script$
begin
    if not exists (select from schema_migrations where version = {version}) then
        execute $migration$
{text}$migration$;
        insert into schema_migrations (version, name, sha256) values ({version}, '{name}', '{sha256}');
    end if;
end
$script$;
"""


class SchemaMismatch(Exception):
    """The schema is not the one that the code needs, or cannot be made so; the message says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    up: str
    down: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    version: int
    name: str
    sha256: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """One migration: `applied_at` is None while it is pending, `edited` when its file is not what was applied."""

    version: int
    name: str
    applied_at: datetime | None
    edited: bool


def migrations(folder: Path | None = None) -> list[Migration]:
    """Every migration of the folder, in order. Raises ValueError when a number is missing or doubled."""
    folder = folder or sql_folder() / "migrations"
    found = [_migration(path) for path in sorted(folder.glob("*.up.sql"))]
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations have to be numbered 0001, 0002, ... without a gap")
    return found


def _migration(path: Path) -> Migration:
    parts = _FILE.fullmatch(path.name)
    if parts is None:
        raise ValueError(f"{path.name} is not named NNNN_name.up.sql")
    down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
    return Migration(int(parts[1]), parts[2], path.read_text(), down.read_text())


class Migrator:
    """Works on one database as its owner. Raises SchemaMismatch, StoreUnavailable."""

    def __init__(self, dsn: str, known: Sequence[Migration] | None = None) -> None:
        self._dsn = dsn
        self.known = list(migrations() if known is None else known)

    async def up(self, target: int | None = None) -> list[Migration]:
        """Applies what is pending, up to `target`; gives what was applied."""
        async with self._alone() as connection:
            applied = await _ledger(connection)
            self._check_files(applied)
            last = len(self.known) if target is None else target
            pending = self.known[len(applied) : last]
            for migration in pending:
                await _run(connection, migration.up, _INSERT, (migration.version, migration.name, migration.sha256))
            return pending

    async def down(self, target: int) -> list[Migration]:
        """Takes back what came after `target`, newest first; 0 takes back everything."""
        async with self._alone() as connection:
            applied = await _ledger(connection)
            self._check_files(applied)
            taken = self.known[target : len(applied)][::-1]
            for migration in taken:
                await _run(connection, migration.down, _DELETE, (migration.version,))
            return taken

    async def status(self) -> list[Status]:
        async with self._connect() as connection:
            applied = {line.version: line for line in await _ledger(connection)}
        return [_status(migration, applied.get(migration.version)) for migration in self.known]

    async def check_current(self) -> None:
        """Raises SchemaMismatch unless the schema is exactly the newest that this code knows."""
        async with self._connect() as connection:
            applied = await _ledger(connection)
        self._check_files(applied)
        if len(applied) < len(self.known):
            raise SchemaMismatch(
                f"the schema is at {len(applied)} and this service needs {len(self.known)}: run `workflows migrate up`"
            )

    def script(self) -> str:
        """Everything as SQL that can be run by hand, any number of times."""
        parts = [
            _SCRIPT.format(version=known.version, name=known.name, sha256=known.sha256, text=known.up)
            for known in self.known
        ]
        return _LEDGER + "\n" + "\n".join(parts)

    def _check_files(self, applied: Sequence[AppliedMigration]) -> None:
        if len(applied) > len(self.known):
            raise SchemaMismatch(f"the schema is at {len(applied)}, newer than the {len(self.known)} of this service")
        for known, line in zip(self.known, applied, strict=False):
            if known.sha256 != line.sha256:
                raise SchemaMismatch(f"migration {known.version:04}_{known.name} was edited after it was applied")

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Connection]:
        with unavailable(), _refused():
            async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                yield connection

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[Connection]:
        """A session that is the only migrator of this database, with the ledger at hand."""
        async with self._connect() as connection:
            await connection.execute(_SETTINGS)
            await _take_turn(connection)
            await connection.execute(_LEDGER)
            yield connection


@contextmanager
def _refused() -> Iterator[None]:
    """What the database refuses is the operator's to mend: an address that is none, a right that is missing."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        said = error.diag.message_primary or "the database's address cannot be read"
        raise SchemaMismatch(said) from error


async def _take_turn(connection: Connection) -> None:
    while True:
        if await _value(connection, "select pg_try_advisory_lock(%s)", _LOCK):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _run(connection: Connection, text: str, ledger: str, line: Sequence[object]) -> None:
    if text.startswith(ALONE):
        await connection.execute(text.encode())
        await connection.execute(ledger.encode(), line)
        return
    async with connection.transaction():
        await connection.execute(text.encode())
        await connection.execute(ledger.encode(), line)


async def _ledger(connection: Connection) -> list[AppliedMigration]:
    if await _value(connection, "select to_regclass(%s)", "schema_migrations") is None:
        return []
    cursor = await connection.execute(
        "select version, name, sha256, applied_at from schema_migrations order by version"
    )
    return [AppliedMigration(*row) for row in await cursor.fetchall()]


async def _value(connection: Connection, statement: str, param: object) -> Any:
    cursor = await connection.execute(statement.encode(), (param,))
    row = await cursor.fetchone()
    return row[0] if row else None


def _status(migration: Migration, applied: AppliedMigration | None) -> Status:
    return Status(
        migration.version,
        migration.name,
        applied.applied_at if applied else None,
        applied is not None and applied.sha256 != migration.sha256,
    )
