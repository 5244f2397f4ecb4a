"""A replica that was given up for dead wakes up with answers in its hands: it writes nothing.

It is frozen by SIGSTOP while its calls are under way; the others take its work over. What it then brings comes under a
token that is no longer its own. First one such moment exactly, in which only the token has changed; then many moments
of one and a half to three leases under load.
"""

import asyncio
import os
import signal
from random import Random

from service.dev.siblings.script import Fault
from tests.journey.graphs import chain, step
from tests.observing.scrape import scrape, until_scraped
from tests.promises import LONG, keeping, load, scale
from tests.promises.trial import ENDED, PATIENCE_SECONDS, TRIAL_SECONDS, Trial, trial

SEED = 7
MISSES = "workflows_fence_misses_total"
SEND = "notifications.Send"

HELD_UP = 20
LONG_LEASE = 12
HEARD_SECONDS, AGAIN_SECONDS = 1.0, 2.0
"""How long the call of the one that freezes takes, and of the one that takes over; much less than a third of a lease,
which is what one call may take: on a busy machine none of them may fail and be tried again."""
TAKEN_OVER = "select (not exists (select from run_effects where lease_token <= %s))::int"

LEASE = 2
RUNS = scale(40, 1000)
FREEZES_AT_LEAST = 3


def sends(trying: Trial) -> int:
    return sum(call.method == SEND for call in trying.world.siblings.calls)


async def until_sent(trying: Trial, many: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await trying.world.siblings.until(lambda: sends(trying) >= many)


async def test_an_answer_under_a_lost_token_writes_nothing(shared_database: str) -> None:
    """Both calls are under way when the first caller wakes: the runs are as it left them, the effects are another's."""
    async with trial(shared_database, load.script(), 2, {"LEASE_SECONDS": f"{LONG_LEASE}"}) as trying:
        undead, siblings = trying.replicas[0], trying.world.siblings
        tell = step("tell", "NOTIFICATION", {"recipient": "a", "required": True})
        published = await trying.publish([chain(tell)])
        siblings.add_fault(Fault(SEND, "SLOW", times=HELD_UP, delay_seconds=HEARD_SECONDS))
        siblings.add_fault(Fault(SEND, "SLOW", times=HELD_UP, delay_seconds=AGAIN_SECONDS))
        trying.stubs = trying.stubs[:1]
        await trying.start_many(published, HELD_UP)
        await until_sent(trying, HELD_UP)
        os.kill(undead.pid, signal.SIGSTOP)
        try:
            await trying.until(TAKEN_OVER, 1, await trying.counted("select max(lease_token) from run_effects"))
            await until_sent(trying, HELD_UP + 1)
        finally:
            os.kill(undead.pid, signal.SIGCONT)
        await until_scraped(undead.http, lambda seen: seen.value(MISSES) > 0)
        await trying.until(ENDED, HELD_UP)

        assert await trying.ask("select distinct version from workflow_runs") == [(2,)], "more than a start and an end"
        assert len(siblings.notifications) == HELD_UP
        await keeping.check_histories(trying.dsn, trying.runs)


async def test_replicas_that_freeze_again_and_again_do_no_harm(database: str) -> None:
    async with trial(database, load.script(), 3, {"LEASE_SECONDS": f"{LEASE}"}) as trying:
        trying.world.siblings.add_fault(load.SLOWLY)
        published = await trying.publish(load.pipelines())
        starting = asyncio.create_task(trying.start_many(published, RUNS))
        await trying.until("select count(*) from run_effects", 1)
        await freeze_again_and_again(trying)
        await starting
        await trying.until(ENDED, RUNS, seconds=TRIAL_SECONDS)
        await trying.note_all()
        print(dict(trying.faults), dict(trying.defences))

        assert trying.faults["frozen"] >= FREEZES_AT_LEAST
        assert trying.defences["workflows_fence_misses"] > 0
        assert trying.defences["workflows_lease_takeovers"] > 0
        await keeping.check_all(trying, RUNS)


async def freeze_again_and_again(trying: Trial) -> None:
    dice = Random(SEED)
    async with asyncio.timeout(TRIAL_SECONDS):
        while trying.faults["frozen"] < FREEZES_AT_LEAST or not await enough(trying):
            await trying.freeze(await trying.busy(dice), dice.uniform(1.5, 3) * LEASE)


async def enough(trying: Trial) -> bool:
    """In the short mode once it has mattered, as a machine under load hardly moves a run between two freezes."""
    return await trying.counted(ENDED) >= RUNS or (not LONG and await missed(trying))


async def missed(trying: Trial) -> bool:
    """Has a replica brought an answer too late? None has died, so what they say now is all."""
    seen = await asyncio.gather(*(scrape(replica.http) for replica in trying.replicas))
    return any(one.value(MISSES) > 0 for one in seen)
