"""When a world has come to rest: nothing in it goes on by itself, so whatever changes now is somebody's doing."""

import asyncio
from typing import Any

import psycopg

from tests.world import PATIENCE_SECONDS, World

GOING_ON = """
    select exists (select from run_effects where due_at <= now())
        or exists (select from bus_events where routed_at is null)
        or exists (select from trigger_deliveries where outcome = '')
        or exists (select from workflow_runs where wake_at <= now())
"""


async def until_still(world: World, owner: psycopg.AsyncConnection[Any]) -> None:
    """The siblings have said what they had to say, the bus has brought it, and all that followed from it is done."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _still(world, owner):
            pass  # each look is some round trips


async def _still(world: World, owner: psycopg.AsyncConnection[Any]) -> bool:
    calls = len(world.siblings.calls)
    await world.siblings.until(lambda: not world.siblings.busy)
    if await _on_the_way(world):
        return False
    rows = await owner.execute(GOING_ON)
    return await rows.fetchone() == (False,) and not world.siblings.busy and len(world.siblings.calls) == calls


async def _on_the_way(world: World) -> bool:
    """Whether the bus has something for the service that it has not acked yet."""
    stream = world.bus.jetstream()
    for found in await stream.streams_info():
        for consumer in await stream.consumers_info(found.config.name or ""):
            if consumer.num_pending or consumer.num_ack_pending:
                return True
    return False
