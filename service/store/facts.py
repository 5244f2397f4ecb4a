"""What /readyz says of the database: its server, its schema, and whether the tables of this release are there.

Which tables there have to be is read from the migrations themselves. Called by the probe behind /readyz, every few
seconds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.store.migrate import Migration, migrations
from service.store.pool import Pool
from service.store.queries import query

LEDGER = "schema_migrations"
_CREATED = re.compile(r"^create table (?:if not exists )?(\w+)", re.MULTILINE | re.IGNORECASE)
_DROPPED = re.compile(r"^drop table (?:if exists )?(\w+)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """`schema_version` is None when the database was never migrated."""

    server_version: str
    schema_version: int | None
    schema_expected: int
    tables_missing: tuple[str, ...]

    @property
    def fit(self) -> bool:
        """Whether this release can work with it. A newer schema is fit: a rollout migrates before it replaces."""
        return not self.tables_missing and (self.schema_version or 0) >= self.schema_expected


def tables(known: Sequence[Migration]) -> list[str]:
    """Every table there is after these migrations, with their ledger."""
    found = {LEDGER}
    for migration in known:
        found.update(_CREATED.findall(migration.up))
        found.difference_update(_DROPPED.findall(migration.up))
    return sorted(found)


class DatabaseFacts:
    """Made with any pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        known = migrations()
        self._expected, self._tables = len(known), tables(known)

    async def look(self) -> Facts:
        """Raises StoreUnavailable."""
        [(server, missing)] = await self._pool.read(query("database_facts"), (self._tables,))
        version = None if LEDGER in missing else (await self._pool.read(query("schema_version")))[0][0]
        return Facts(server, version, self._expected, tuple(missing))
