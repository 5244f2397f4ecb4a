"""What this server can do with a small write, by PostgreSQL's own pgbench: an update and an insert in one statement.

Eight clients, prepared, one commit each; the statement is the least that a durable state machine could do for one
transition. Its tables live in a database of their own.
"""

import asyncio
import re
from pathlib import Path

import psycopg

from tests.bench.servers import Servers

SCRIPT = Path(__file__).with_name("update_insert.sql")
CLIENTS = 8

_TABLES = """
create table bench_runs (
    id integer primary key, version bigint not null, state text not null, updated_at timestamptz not null
) with (fillfactor = 70);
create table bench_changes (
    run_id integer, sequence bigint, recorded_at timestamptz not null, data jsonb not null,
    primary key (run_id, sequence)
);
insert into bench_runs select id, 0, 'RUNNING', now() from generate_series(1, 1000) id;
"""
_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)


class PgBench:
    def __init__(self, servers: Servers, dsn: str) -> None:
        self._program = servers.postgres.bin / "pgbench"
        self._dsn = dsn

    @classmethod
    async def on(cls, servers: Servers, name: str) -> "PgBench":
        """Its tables beside ours in a new database."""
        dsn = await servers.database(name)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute(_TABLES)
        return cls(servers, dsn)

    async def rate(self, seconds: int) -> float:
        """Statements per second."""
        options = ("--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--time={seconds}", "-f", str(SCRIPT))
        process = await asyncio.create_subprocess_exec(
            str(self._program), *options, self._dsn, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, trouble = await process.communicate()
        found = _RATE.search(out.decode())
        if found is None:
            raise RuntimeError(f"pgbench: {trouble.decode().strip()}")
        return float(found[1])
