"""Three replicas are killed again and again under load, and the bus with them: all runs end, and nothing counts twice.

One trial, looked at from several sides. In the long mode there are 2,000 runs, a replica dies every two to five
seconds, and all runs have to be over within a minute after the last kill.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from random import Random

import pytest

from service.domain.state import Run
from tests.promises import LONG, keeping, load, scale
from tests.promises.trial import ENDED, LEASE_SECONDS, TRIAL_SECONDS, Trial, trial

SEED = 20261121
REPLICAS = 3
RUNS = scale(60, 2000)
KILLS_AT_LEAST = 4
KILLED_UNTIL = RUNS * 3 // 4
"""So many runs have ended when the killing does."""
BREAK_SECONDS = (2.0, 5.0) if LONG else (1.0, 2.0)
BUS_KILLED_EVERY = 3
"""So many kills of a replica to one of the bus."""
ALL_OVER_SECONDS = 60.0 if LONG else TRIAL_SECONDS

BACKLOG = scale(1000, 10_000)
LENGTH = 9
TOLD_BY_EACH = 2 + 2 * LENGTH  # a start, the branches, a wait
UNPUBLISHED = "select count(*) from changes where published_at is null"


@pytest.fixture(scope="module")
async def after(shared_database: str) -> AsyncIterator[Trial]:
    """The trial when all is over."""
    async with trial(shared_database, load.script(), REPLICAS, {"LEASE_SECONDS": LEASE_SECONDS}) as trying:
        trying.world.siblings.add_fault(load.SLOWLY)
        published = await trying.publish(load.pipelines())
        starting = asyncio.create_task(trying.start_many(published, RUNS))
        await kill_again_and_again(trying)
        last = time.monotonic()
        await starting
        await trying.until(ENDED, RUNS, seconds=ALL_OVER_SECONDS)
        print(f"{RUNS} runs over {time.monotonic() - last:.1f} s after the last of {trying.faults['killed']} kills")
        await asyncio.gather(*(replica.wait_ready() for replica in trying.replicas))
        await trying.note_all()
        print(dict(trying.faults), dict(trying.defences))
        yield trying


async def kill_again_and_again(trying: Trial) -> None:
    """In the short mode a few times and no more, as a machine under load hardly comes to start what was killed."""
    dice = Random(SEED)
    async with asyncio.timeout(TRIAL_SECONDS):
        while trying.faults["killed"] < KILLS_AT_LEAST or (LONG and await trying.counted(ENDED) < KILLED_UNTIL):
            await trying.kill(await trying.busy(dice))
            if trying.faults["killed"] % BUS_KILLED_EVERY == 0:
                trying.bus.kill()
                trying.faults["bus killed"] += 1
                await asyncio.sleep(dice.uniform(0, 1))
                trying.bus.start()
            await asyncio.sleep(dice.uniform(*BREAK_SECONDS))


@pytest.fixture(scope="module")
async def runs(after: Trial) -> Mapping[str, Run]:
    return await keeping.check_histories(after.dsn, after.runs)


def test_the_faults_have_struck_and_the_defences_have_moved(after: Trial) -> None:
    assert after.faults["killed"] >= KILLS_AT_LEAST
    assert after.faults["effects in dead hands"] >= KILLS_AT_LEAST // 2
    assert after.faults["bus killed"] > 0
    assert after.faults["changes in dead hands"] > 0
    assert after.defences["workflows_lease_takeovers"] > 0
    assert after.defences["workflows_effects_repeated"] > 0


async def test_every_run_that_was_started_ends(after: Trial, runs: Mapping[str, Run]) -> None:
    assert len({*after.runs}) == len(after.runs) == RUNS == await after.counted("select count(*) from workflow_runs")
    keeping.check_ends(runs.values())


async def test_an_effect_has_one_key_however_often_it_is_asked_for(after: Trial) -> None:
    asked = keeping.check_effects(after.world.siblings, after.runs)
    await keeping.check_objectives(after.dsn, after.world.siblings)
    looked = sum(call.method in keeping.SEARCHES for call in after.world.siblings.calls)
    assert max(asked.values()) > 1 or looked > 0, "nobody had to ask again"


async def test_no_run_went_a_forbidden_way(after: Trial) -> None:
    await keeping.check_moves(after.dsn, after.runs)


async def test_the_bus_has_every_change_once_and_in_order(after: Trial) -> None:
    await after.until_drained()
    assert await keeping.check_stream(after.dsn, after.world) > 20 * RUNS


async def test_a_backlog_drains_in_order_though_the_relay_dies(after: Trial) -> None:
    """Runs of branches need no bus; then it comes back, and one of those who drain is killed."""
    await after.until_drained()
    published = await after.publish([load.branches(LENGTH)])
    await after.until_drained()
    after.bus.kill()
    await after.start_many(published, BACKLOG // TOLD_BY_EACH)
    waiting = await after.counted(UNPUBLISHED)
    assert waiting >= BACKLOG
    seen = await after.note(after.replicas[0])
    after.bus.start()
    began, before = time.monotonic(), after.faults["changes in dead hands"]
    await after.kill_noted(after.replicas[0], seen)
    assert after.faults["changes in dead hands"] > before
    await after.until_drained()
    print(f"a backlog of {waiting} changes drained in {time.monotonic() - began:.1f} s")
    await keeping.check_stream(after.dsn, after.world)
