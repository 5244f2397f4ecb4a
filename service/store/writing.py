"""Does the database take writes? Its disk may be full, or it may have become a standby of another one.

Nothing is tried while nothing is wrong: that writes are refused is heard from those that are, and the loops alone write
every few seconds. Then each look tries one that needs new room, and takes it back. Called by the probe behind /readyz.
"""

import os
from contextlib import suppress

import psycopg

from service.engine.ports.failures import StoreUnavailable
from service.store.pool import Pool
from service.store.queries import query

_BYTES = 64 * 1024


async def refusal(pool: Pool) -> str:
    """SQLSTATE for which writes are refused; empty when they are not."""
    if pool.refusal:
        with suppress(StoreUnavailable):
            await _try(pool)
            pool.refusal = ""
    return pool.refusal


async def _try(pool: Pool) -> None:
    async with pool.transaction() as connection:
        await connection.execute(query("room_tried"), (os.urandom(_BYTES),))
        raise psycopg.Rollback
