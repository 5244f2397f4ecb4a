"""The database is shut down at once, again and again, and recovers: nothing that was answered is lost, and all goes on.

The server is one of our own that keeps its promises: with fsync. An immediate shutdown drops every connection and all
that was not yet written, like a machine that loses power. In the long mode it happens every ten seconds, and there has
to be progress within ten seconds after each.
"""

import asyncio
import time

from service.dev.postgres import EmbeddedPostgres
from service.store.migrate import Migrator
from service.store.pool import ENGINE, Pool
from tests.promises import LONG, keeping, load, scale
from tests.promises.trial import ENDED, LEASE_SECONDS, PATIENCE_SECONDS, TRIAL_SECONDS, Trial, trial

RUNS = scale(60, 1000)
CRASHES_AT_LEAST = scale(3, 10)
BREAK_SECONDS = 10.0 if LONG else 1.0
PROGRESS_SECONDS = 10.0 if LONG else PATIENCE_SECONDS
CHANGES = "select count(*) from changes"


async def test_nothing_is_lost_and_all_goes_on() -> None:
    with EmbeddedPostgres() as postgres:
        await Migrator(postgres.dsn).up()
        await check_commits_are_durable(postgres.dsn)
        async with trial(postgres.dsn, load.script(), 2, {"LEASE_SECONDS": LEASE_SECONDS}) as trying:
            published = await trying.publish(load.pipelines())
            starting = asyncio.create_task(trying.start_many(published, RUNS))
            await trying.until(ENDED, 1)
            await crash_until_ended(trying, postgres)
            await starting
            await trying.until(ENDED, RUNS, seconds=TRIAL_SECONDS)
            await trying.note_all()
            print(dict(trying.faults), dict(trying.defences))
            assert trying.faults["runs under way"] > 0
            assert trying.defences["workflows_pool_connections_lost"] + trying.faults["asked again"] > 0
            await keeping.check_all(trying, RUNS)


async def check_commits_are_durable(dsn: str) -> None:
    """As the engine's connections commit; a crash of the server alone does not tell it apart every time."""
    pool = Pool(dsn, ENGINE, 1)
    await pool.open()
    try:
        assert await pool.read(b"select current_setting('synchronous_commit'), current_setting('fsync')") == [
            ("on", "on")
        ]
    finally:
        await pool.close()


async def crash_until_ended(trying: Trial, postgres: EmbeddedPostgres) -> None:
    while trying.faults["crashed"] < CRASHES_AT_LEAST:
        trying.faults["runs under way"] += await trying.counted(ENDED) < RUNS
        postgres.stop(immediate=True)
        trying.faults["crashed"] += 1
        postgres.start()
        began = time.monotonic()
        before, ended = await trying.counted(CHANGES), await trying.counted(ENDED)
        if ended < RUNS:
            await trying.until(CHANGES, before + 1, seconds=PROGRESS_SECONDS)
            print(f"crash {trying.faults['crashed']}: on again after {time.monotonic() - began:.2f} s")
        await asyncio.sleep(BREAK_SECONDS)
