"""Very many timers are due at one moment, in two services whose own clocks are an hour off: none early, none twice.

The database's clock is moved, so it is the services that are late or early against it, by an hour at least. It is set
to some minutes before all is due, and then to some minutes after.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.config import Config
from service.dev.nats import EmbeddedNats
from service.dev.siblings.script import Work
from service.wiring import Running, running
from tests.journey.graphs import agent, chain, step, task
from tests.journey.triggering import on_tick
from tests.moved import MovedClock, moved
from tests.observing.scrape import scrape
from tests.promises import keeping, load, scale
from tests.promises.trial import ENDED, PATIENCE_SECONDS, TRIAL_SECONDS, Trial, settings
from tests.world import world

DELAYS = scale(150, 10_000)
OTHERS = scale(20, 500)
"""Of each of the other kinds: retries, reminders and schedules."""
HALF_AN_HOUR = 1800
DUE = timedelta(minutes=30)
NOT_YET = timedelta(minutes=25)
ALL_DUE = timedelta(minutes=34)
"""A retry is put off by up to a tenth more."""

TOLD = "select count(*) from changes"
ARMED = """
    select count(*) from step_runs
     where step_id = 'pause' and deadline_at is not null or step_id = 'again' and retry_at is not null
        or step_id = 'sign' and alarms <> '{}'
"""
SCHEDULED = "select count(*) from schedules where next_at = %s"
TICKED = "select count(*) from workflow_runs where trigger_type = 'SCHEDULE'"
TICKS = """
    select definition_id, count(*)::int, count(distinct trigger_event_id)::int
      from workflow_runs where trigger_type = 'SCHEDULE' group by 1
"""
TWICE = """
    select count(*) from (
        select stream_id from changes where operation = 'completed' and step_id <> '' group by stream_id, step_id
        having count(*) > 1) again
"""
LOOPS = ("clock", "dispatcher", "schedules")


@dataclass
class Scene:
    trying: Trial
    services: tuple[Running, Running]
    clock: MovedClock
    base: datetime

    async def set(self, since: timedelta) -> None:
        await self.clock.set(self.base + since)

    async def until_looked(self) -> None:
        """Until each loop of both services has looked twice more: the first look may have begun before."""
        wanted = {place: rounds + 2 for place, rounds in (await self._rounds()).items()}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(rounds < wanted[place] for place, rounds in (await self._rounds()).items()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _rounds(self) -> dict[tuple[str, str], float]:
        scrapes = {service.http: await scrape(service.http) for service in self.services}
        name = "workflows_loop_rounds_total"
        return {(http, loop): seen.value(name, loop=loop) for http, seen in scrapes.items() for loop in LOOPS}


@pytest.fixture(params=[-1, 1], ids=["an hour behind", "an hour ahead"])
async def scene(request: pytest.FixtureRequest, database: str, own_nats: EmbeddedNats) -> AsyncIterator[Scene]:
    """The database's clock is at a full hour, which is one to two hours away from now, and more when all is due."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    base = hour + timedelta(hours=2 * request.param)
    async with AsyncExitStack() as stack:
        clock = await stack.enter_async_context(moved(database, base))
        found = await stack.enter_async_context(world(database, own_nats.url, load.script(), {"LOG_LEVEL": "WARNING"}))
        told = settings(database, own_nats, found.siblings, GRPC_ADDRESS="127.0.0.1:0", HTTP_ADDRESS="127.0.0.1:0")
        other = await stack.enter_async_context(running(Config.read({**told, "REPLICA_NAME": "other"})))
        trying = Trial(found, own_nats, database, [], [found.stub])
        yield Scene(trying, (Running(found.address, found.http, other.engine, other.observing), other), clock, base)


async def test_none_is_early_and_none_comes_twice(scene: Scene) -> None:
    trying, siblings = scene.trying, scene.trying.world.siblings
    assert min(abs(scene.base + since - datetime.now(UTC)) for since in (NOT_YET, ALL_DUE)) > timedelta(hours=1)
    siblings.script.work["again"] = Work(failures=OTHERS)
    await arm(scene)
    told = await trying.counted(TOLD)

    await scene.set(NOT_YET)
    await scene.until_looked()
    assert await trying.counted(TOLD) == told, "something came early"
    assert len(siblings.objectives) == OTHERS
    assert not siblings.notifications

    await scene.set(ALL_DUE)
    await trying.until(ENDED, DELAYS + OTHERS, seconds=TRIAL_SECONDS)
    await trying.until(TICKED, OTHERS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await siblings.until(lambda: len(siblings.notifications) >= OTHERS)
    await scene.until_looked()
    assert await trying.counted(ENDED) == DELAYS + OTHERS
    assert await trying.counted(TWICE) == 0
    assert len(siblings.objectives) == 2 * OTHERS
    assert len(siblings.notifications) == OTHERS
    assert {(runs, ticks) for _, runs, ticks in await trying.ask(TICKS)} == {(1, 1)}
    assert len(await trying.ask(TICKS)) == OTHERS
    await keeping.check_histories(trying.dsn, trying.runs)
    await keeping.check_moves(trying.dsn, trying.runs)


async def arm(scene: Scene) -> None:
    """Starts what waits for half an hour; returns when all of it waits."""
    trying = scene.trying
    retry = pb.RetryPolicy(max_retries=1, backoff_seconds=HALF_AN_HOUR, backoff_multiplier=1.0)
    pause = step("pause", "WAIT_FOR_EVENT", {"timeout_action": "go_on"}, timeout_seconds=HALF_AN_HOUR)
    sign = task("sign", config={"assignee": "ann", "reminder_seconds": HALF_AN_HOUR})
    for waiting, many in ((pause, DELAYS), (agent("again", retry_policy=retry), OTHERS), (sign, OTHERS)):
        published = await trying.publish([chain(waiting)])
        await trying.start_many(published, many)
    for _ in range(OTHERS):
        await trying.world.publish(chain(task("look"), trigger=on_tick("30 * * * *")))
    await trying.until(ARMED, DELAYS + 2 * OTHERS)
    await trying.until(SCHEDULED, OTHERS, scene.base + DUE)
    await trying.until_drained()
