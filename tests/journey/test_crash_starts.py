"""Three replicas are killed again and again while events and ticks start runs: each starts each definition once.

The replicas are processes of their own; they die by SIGKILL while starts are owed, one at a time and all together, and
are launched again at once. Database and bus live on.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from service.dev.nats import EmbeddedNats
from service.dev.service_process import ServiceProcess
from service.dev.siblings.script import Script
from service.dev.siblings.simulation import SimulatedSiblings
from tests import warm
from tests.bus.producers import SHAPES, Fact, contact
from tests.journey.ledger import Ledger, ledger
from tests.journey.rough_load import minute
from tests.journey.triggering import on_event, on_tap, on_tick, send, triggered
from tests.world import World, around

REPLICAS = 3
EVENTS = 200
BY_EVENT = 2
TICKS = 20
KILLED_TOGETHER = (1, 3, 1, 2, 3)
"""How many replicas die in each round."""

TYPE = "siphon.tap.crash.contact.created"
OWED = "select count(*) from trigger_deliveries where outcome = ''"
STARTED = "select count(*) from workflow_runs"
RETAKEN = "select count(*) from trigger_deliveries where tries > 1"
PAIRS = "select definition_id, trigger_event_id, count(*)::int from workflow_runs group by 1, 2"
TICK = "update schedules set next_at = %s, due_at = %s, overlap = 'ALLOW' where definition_id = any(%s)"


@dataclass
class Scene:
    world: World
    replicas: list[ServiceProcess]
    database: Ledger
    counters: Counter[str] = field(default_factory=Counter)

    async def kill(self, count: int) -> None:
        """As soon as something is owed, so that somebody holds it."""
        await self.database.until_at_least(OWED, 1)
        dying = [self.replicas[(self.counters["killed"] + number) % REPLICAS] for number in range(count)]
        for replica in dying:
            replica.kill()
        self.counters["killed"] += count
        self.counters["owed by the dead"] += bool(await self.database.count(OWED))
        for replica in dying:
            replica.launch()


@pytest.fixture
async def scene(database: str, own_nats: EmbeddedNats, script: Script) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        siblings = await stack.enter_async_context(SimulatedSiblings(script, own_nats.url))
        shared = {
            "DATABASE_URL": database,
            "NATS_URL": own_nats.url,
            "LEASE_SECONDS": "1",
            "ENTITIES_ADDRESS": siblings.addresses["entities"],
        }
        replicas = [warm.service({**shared, "REPLICA_NAME": f"replica-{number}"}) for number in range(REPLICAS)]
        for replica in replicas:
            await stack.enter_async_context(replica)
        world = await stack.enter_async_context(around(siblings, own_nats.url, replicas[0].grpc))
        yield Scene(world, replicas, await stack.enter_async_context(ledger(database)))


async def test_every_event_and_every_tick_starts_once_whoever_dies(scene: Scene) -> None:
    world, database, now = scene.world, scene.database, minute()
    by_event = [await triggered(world, trigger) for trigger in (on_event(TYPE), on_tap("crash"))]
    tickers = [await triggered(world, on_tick(f"{now:%M %H %d %m} *")) for _ in range(TICKS)]
    for round_, count in enumerate(KILLED_TOGETHER):
        for number in range(round_, EVENTS, len(KILLED_TOGETHER)):
            await tell(world, number)
        await tick(database, now, tickers[round_ :: len(KILLED_TOGETHER)])
        await scene.kill(count)
    await database.until_at_least(STARTED, BY_EVENT * EVENTS + TICKS)
    await database.until(OWED, 0)
    await tick(database, now, tickers)  # as if whoever took them had died before it could write that down
    await database.until("select count(*) from schedules where last_tick_at = %s and next_at > %s", TICKS, now, now)

    told = {f"event {number}" for number in range(EVENTS)}
    wanted = {(definition_id, event_id): 1 for definition_id in by_event for event_id in told}
    wanted |= {(definition_id, f"tick:{definition_id}:{now:%Y-%m-%dT%H:%MZ}"): 1 for definition_id in tickers}
    assert {(definition_id, cause): count for definition_id, cause, count in await database.ask(PAIRS)} == wanted
    assert await database.ask("select distinct outcome from trigger_deliveries") == [("started",)]
    assert scene.counters["killed"] == sum(KILLED_TOGETHER)
    assert scene.counters["owed by the dead"] > 0
    assert await database.count(RETAKEN) > 0


async def tell(world: World, number: int) -> None:
    changed = contact(provider="crash", entity_id=str(number), provider_event_id=f"change {number}")
    shape = SHAPES["E" if number % 2 else "F"]
    await send(world, TYPE, shape(Fact(changed, id=f"event {number}", type=TYPE)))


async def tick(database: Ledger, at: datetime, definition_ids: list[str]) -> None:
    """Has these schedules stand at that minute."""
    await database.eye.execute(TICK, (at, at, definition_ids))
