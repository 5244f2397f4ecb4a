"""Runs are purged while others start, go on and end: what goes goes wholly, and what stays is whole.

Somebody purges without a pause, a few runs at a time and as soon as they have ended, so that purges meet runs that are
just ending. Live runs, and ended children of live parents, must still be there at the end.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping

import psycopg
from psycopg import sql
from workflows.ops.v1 import retention_pb2 as ops
from workflows.ops.v1.retention_pb2_grpc import RetentionServiceStub

from service.dev.nats import EmbeddedNats
from tests.journey.acting import report
from tests.journey.graphs import agent, chain, task
from tests.journey.streams import until_each_stored
from tests.journey.test_sub_workflows import by_id, calling
from tests.observing.scrape import scrape
from tests.promises import keeping, load, scale
from tests.promises.trial import LEASE_SECONDS, LOOK_SECONDS, PATIENCE_SECONDS, TRIAL_SECONDS, Trial
from tests.world import WORKSPACE, Change, World, world

RUNS = scale(60, 2000)
LIVE = scale(10, 100)
BATCH = 5
SETTINGS = {"LEASE_SECONDS": LEASE_SECONDS, "LOG_LEVEL": "WARNING"}
THERE = "select id from workflow_runs"
AT_THE_TASK = "select count(*) from step_runs where step_id = 'sign' and state = 'WAITING'"
TABLES = """
    select table_name from information_schema.tables join information_schema.columns using (table_schema, table_name)
     where table_schema = 'public' and table_type = 'BASE TABLE' and column_name = 'run_id'
       and table_name <> 'start_keys'
"""


async def test_what_lives_is_not_touched_and_the_rest_goes_wholly(database: str, own_nats: EmbeddedNats) -> None:
    async with world(database, own_nats.url, load.script(), SETTINGS) as found:
        trying = Trial(found, own_nats, database, [], [found.stub])
        parents = await begin_what_lives(trying)
        there_before = {run_id for (run_id,) in await trying.ask(THERE)}
        children = there_before - {*parents}
        assert len(children) == LIVE

        over, left = asyncio.Event(), Counter[str]()
        purging = asyncio.create_task(purge_until(found, over, left))
        await end_untold(trying, left)
        told = await end_many(trying)
        over.set()
        count = await purging

        there = {run_id for (run_id,) in await trying.ask(THERE)}
        gone = {*trying.runs} - there
        print(f"{len(gone)} of {RUNS + LIVE} runs were purged meanwhile; left for later {dict(left)}")
        assert there_before <= there
        assert len(gone) == count == (await scrape(found.http)).value("workflows_runs_purged_total") > 0
        assert left["unpublished"] > 0, "no purge met a run that had to stay"
        await check_gone(database, gone)
        await keeping.check_histories(database, there)
        check_told_to_the_end(told, gone)
        for parent in parents:
            await report(found, parent, "sign", "COMPLETED")
        ended = await keeping.check_histories(database, there)
        assert all(run.state.terminal for run in ended.values())


async def begin_what_lives(trying: Trial) -> list[str]:
    """Runs that wait for a person when a child run of theirs has ended."""
    called = await by_id(trying.world, chain(agent("research")))
    published = await trying.publish([chain(calling("call", called), task("sign"))])
    await trying.start_many(published, LIVE)
    await trying.until(AT_THE_TASK, LIVE)
    parents, trying.runs = trying.runs, []
    return parents


async def end_untold(trying: Trial, left: Counter[str]) -> None:
    """Runs that end while there is no bus to tell it; it comes back once a purge has met them."""
    await trying.start_many(await trying.publish([chain(task("sign"))]), LIVE)
    trying.bus.kill()
    await asyncio.gather(*(report(trying.world, run_id, "sign", "COMPLETED") for run_id in trying.runs))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while left["unpublished"] < LIVE:  # noqa: ASYNC110 - counted by the purges
            await asyncio.sleep(LOOK_SECONDS)
    trying.bus.start()


async def end_many(trying: Trial) -> Mapping[str, list[Change]]:
    """Runs that all end; those that have gone are told by the bus alone. Gives what it has, by run."""
    published = await trying.publish(load.pipelines())
    await trying.start_many(published, RUNS)
    async with asyncio.timeout(TRIAL_SECONDS):
        return await until_each_stored(trying.world.bus, trying.runs, "run.completed")


async def purge_until(found: World, over: asyncio.Event, left: Counter[str]) -> int:
    """How many runs went; `left` counts for which reasons others stayed."""
    retention, count = RetentionServiceStub(found.channel), 0
    request = ops.PurgeRequest(workspace_id=WORKSPACE, older_than_seconds=0, limit=BATCH)
    while not over.is_set():
        answer = await retention.Purge(request)
        count += answer.count
        left.update({each.reason: each.count for each in answer.left})
    return count


async def check_gone(dsn: str, gone: Collection[str]) -> None:
    """Nothing is left of them in any table."""
    async with await psycopg.AsyncConnection.connect(dsn) as eye:
        tables = [name for (name,) in await (await eye.execute(TABLES)).fetchall()]
        assert {"step_runs", "run_effects", "run_causes"} <= {*tables}
        for table, column in [("changes", "stream_id"), *((name, "run_id") for name in tables)]:
            query = sql.SQL("select {1} from {0} where {1} = any(%s)").format(*map(sql.Identifier, (table, column)))
            assert await (await eye.execute(query, ([*gone],))).fetchall() == [], table


def check_told_to_the_end(told: Mapping[str, list[Change]], gone: Collection[str]) -> None:
    """The bus had all of what has gone, in order and up to the end."""
    for run_id in gone:
        assert [change.sequence for change in told[run_id]] == list(range(1, len(told[run_id]) + 1))
        assert told[run_id][-1].type.endswith("run.completed")
