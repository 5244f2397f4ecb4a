"""What the service stands on: two pools of the database, the bus, the siblings, and who is told of what goes on.

Whatever is opened is closed by the given stack. A schema that is not the one this code was written for is an error: the
service never migrates.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from service.bus.connection import Connection
from service.bus.streams import ensure_changes_stream
from service.config import Config
from service.engine.ports.failures import BusUnavailable, StoreUnavailable
from service.engine.tracing import Tracer
from service.protection import Protection
from service.siblings import SiblingClients
from service.store.migrate import Migrator, SchemaMismatch
from service.store.pool import ENGINE, READER, Pool
from service.wiring.start_error import StartError

BUS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Outside:
    """What was connected to, and who is told of what goes on between."""

    writing: Pool
    reading: Pool
    bus: Connection
    siblings: SiblingClients
    tracer: Tracer


async def connect(config: Config, guard: Protection, tracer: Tracer, stack: AsyncExitStack) -> Outside:
    shared = config.database_pooler
    reader_url = config.database_reader_url or config.database_url
    writing = Pool(config.database_url, ENGINE, config.pool_size, shared_sessions=shared)
    reading = Pool(reader_url, READER, max(2, config.pool_size // 4), shared_sessions=shared)
    try:
        await Migrator(config.database_url).check_current()
        for pool in (writing, reading):
            stack.push_async_callback(pool.close)
            await pool.open()
    except (StoreUnavailable, SchemaMismatch) as error:
        raise StartError(f"DATABASE_URL: {error}") from error
    credentials = guard.outgoing
    siblings = SiblingClients(config.siblings, config.service_agent, credentials=credentials, tracer=tracer)
    stack.push_async_callback(siblings.close)
    return Outside(writing, reading, await _connect_bus(config, stack), siblings, tracer)


async def _connect_bus(config: Config, stack: AsyncExitStack) -> Connection:
    bus = Connection(config.nats_url)
    stack.push_async_callback(bus.close)
    try:
        async with asyncio.timeout(BUS_SECONDS):
            await bus.open()
        await ensure_changes_stream(bus, config.stream)
    except (TimeoutError, BusUnavailable) as error:
        raise StartError(f"NATS_URL: no NATS with JetStream within {BUS_SECONDS:.0f} s") from error
    return bus
