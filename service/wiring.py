"""The one place that knows everyone: builds the service from its configuration, runs it, takes it down.

`running` is an async context: inside it everything is connected, checked and served; on the way out it stops the
server and the loops, drains what is in hand and closes what was opened, within ten seconds. It never migrates: a
database whose schema is not the one this code was written for is an error.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from uuid_utils.compat import uuid7

from service.bus.connection import Connection
from service.bus.letters import reread
from service.bus.listener import Listener
from service.bus.outgoing import Publisher
from service.bus.streams import ensure_changes_stream
from service.config import Config
from service.domain.plan import Patience
from service.edge.answers import Answers
from service.edge.bulk import BulkControl
from service.edge.definition_servicer import DefinitionService
from service.edge.event_servicer import EventService
from service.edge.events import EngineEvents
from service.edge.inquiries import EngineInquiries
from service.edge.inspector import Inspector
from service.edge.render import Renderer
from service.edge.retention import EngineRetention
from service.edge.retention_servicer import RetentionService
from service.edge.run_servicer import RunService
from service.edge.runs import EngineRuns
from service.edge.schedule_servicer import ScheduleService
from service.edge.schedules import EngineSchedules
from service.edge.server import EdgeServer, Services
from service.edge.servicer import WorkflowService
from service.edge.shield import Shield
from service.edge.task_servicer import TaskService
from service.edge.tasks import EngineTasks
from service.edge.triggers import EngineTriggers
from service.engine.engine import Engine, Ports
from service.engine.lease import Lease
from service.engine.ports import BusUnavailable, StoreUnavailable
from service.engine.retention import Retention
from service.engine.rewind import RewindingOutbox
from service.engine.scheduler import Scheduler
from service.engine.subjects import Subjects
from service.engine.tracing import Tracer
from service.observing.observing import Observing, Parts
from service.protection import Protection, ProtectionError, protection
from service.siblings import SiblingClients
from service.store.bulk import BulkCalls
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.migrate import Migrator, SchemaMismatch
from service.store.operators import OperatorReads, Operators
from service.store.outbox import ChangeOutbox
from service.store.pool import ENGINE, READER, Pool
from service.store.purging import Purges
from service.store.reads import Reads
from service.store.retention import HoldReads
from service.store.retention import Retention as RetentionStore
from service.store.rewind import StreamMemory
from service.store.run_reads import RunReads
from service.store.runs import Runs
from service.store.schedules import ScheduleReads, Schedules
from service.store.schemas import Schemas as VersionSchemas
from service.store.tasks import TaskReads
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from service.tracing import tracing

BUS_SECONDS = 10.0
STOP_SECONDS = 4.0
DRAIN_SECONDS = 4.0

log = logging.getLogger(__name__)


class StartError(RuntimeError):
    """The service cannot start; the message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses it really listens on, and the parts for those who look inside."""

    grpc: str
    http: str
    engine: Engine
    observing: Observing


@dataclass(frozen=True, slots=True)
class Outside:
    """What was connected to, and who is told of what goes on between."""

    writing: Pool
    reading: Pool
    bus: Connection
    siblings: SiblingClients
    tracer: Tracer


@dataclass(frozen=True, slots=True)
class House:
    """What was built on it."""

    engine: Engine
    listener: Listener
    scheduler: Scheduler
    retention: Retention
    edge: EdgeServer
    observing: Observing


@asynccontextmanager
async def running(config: Config, tracer: Tracer | None = None) -> AsyncIterator[Running]:
    """`tracer` stands in place of the one that the configuration asks for. Raises StartError."""
    guard = _protection(config)
    async with AsyncExitStack() as stack:
        if tracer is None:
            tracer = await stack.enter_async_context(tracing(config, _replica(config)))
        outside = await _connect(config, guard, tracer, stack)
        house = _build(config, guard, outside, stack)
        service = await _open(config, guard, house, stack)
        _say_what_is_open(guard, outside, service)
        with _ungrouped():
            async with asyncio.TaskGroup() as loops:
                watching = loops.create_task(house.observing.watch())
                loops.create_task(house.engine.run())
                loops.create_task(house.listener.run())
                loops.create_task(house.scheduler.loop.run())
                loops.create_task(house.retention.loop.run())
                try:
                    yield service
                finally:
                    watching.cancel()
                    await _finish(house)


@contextmanager
def _ungrouped() -> Iterator[None]:
    """A single error leaves as itself: what the user of `running` raises must not come back to them in a group."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None


def _protection(config: Config) -> Protection:
    try:
        return protection(config)
    except ProtectionError as error:
        raise StartError(str(error)) from error


# --- connecting ------------------------------------------------------------------------------------------------------


async def _connect(config: Config, guard: Protection, tracer: Tracer, stack: AsyncExitStack) -> Outside:
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


# --- building --------------------------------------------------------------------------------------------------------


def _build(config: Config, guard: Protection, outside: Outside, stack: AsyncExitStack) -> House:
    lease = Lease(config.lease_seconds)
    engine, outbox = _engine(config, outside, lease)
    definitions = Definitions(outside.writing, Reads(outside.reading))
    scheduler = Scheduler(engine.advance, Schedules(outside.writing), definitions, _new_id)
    retention = Retention(Purges(outside.writing), _replica(config), config.retention_seconds)
    services, shield = _services(config, outside, engine, scheduler, retention, stack)
    edge = EdgeServer(
        services,
        shield,
        max_calls=config.max_calls,
        gate=guard.gate(outside.siblings.identity),
        reflected=config.reflection,
        tracer=outside.tracer,
    )
    listener = Listener(outside.bus, config.streams, engine.router, ack_wait_seconds=lease.seconds)
    connected = (outside.siblings, outside.writing, outside.reading, outside.bus)
    observing = Observing(Parts(engine, scheduler, retention, listener, outbox, edge, *connected, config.stream))
    return House(engine, listener, scheduler, retention, edge, observing)


def _engine(config: Config, outside: Outside, lease: Lease) -> tuple[Engine, RewindingOutbox]:
    pool = outside.writing
    publisher = Publisher(outside.bus, config.stream, config.format)
    definitions = Definitions(pool, Reads(outside.reading))
    inbox = Inbox(pool, lease.grace_seconds)
    outbox = RewindingOutbox(ChangeOutbox(pool), publisher.stream, StreamMemory(pool), time.monotonic)
    runs, triggers = Runs(pool), Triggers(pool)
    ports = Ports(runs, WorkQueue(pool), inbox, definitions, outbox, outside.siblings, publisher, triggers)
    subjects = Subjects(outside.siblings.entities, config.entities_required)
    patience, tracer = Patience(config.quiet_seconds), outside.tracer
    return Engine(ports, _replica(config), _new_id, lease, patience, subjects, tracer), outbox


def _replica(config: Config) -> str:
    return config.replica or f"{socket.gethostname()}-{os.getpid()}"


def _new_id() -> str:
    return str(uuid7())


def _services(
    config: Config,
    outside: Outside,
    engine: Engine,
    scheduler: Scheduler,
    retention: Retention,
    stack: AsyncExitStack,
) -> tuple[Services, Shield]:
    reads = Reads(outside.reading)
    definitions = Definitions(outside.writing, reads)
    runs = EngineRuns(engine.advance, engine.plans, definitions, engine.subjects, reads, _new_id)
    run_reads = RunReads(outside.reading)
    inquiries = EngineInquiries(reads, run_reads, engine.plans, engine.clock.now)
    tasks = EngineTasks(engine.advance, TaskReads(outside.reading))
    schedules = EngineSchedules(Schedules(outside.writing), ScheduleReads(outside.reading), scheduler)
    events = EngineEvents(Operators(outside.writing), OperatorReads(outside.reading), reread, engine.router.accept)
    triggers = EngineTriggers(engine.intake, Triggers(outside.writing))
    book = EngineRetention(RetentionStore(outside.writing), HoldReads(outside.reading), retention)
    schemas = VersionSchemas(outside.writing, outside.reading)
    inspector, shield, answers = Inspector(), Shield(), Answers(Renderer())
    bulk = BulkControl(runs, run_reads, BulkCalls(outside.writing), shield)
    stack.callback(inspector.close)
    services = Services(
        WorkflowService(definitions, runs, triggers, inspector, answers, shield),
        TaskService(tasks, answers, shield),
        RunService(runs, inquiries, bulk, answers, shield),
        DefinitionService(definitions, schemas, inquiries, inspector, shield),
        ScheduleService(schedules, shield),
        EventService(events, shield),
        RetentionService(book, shield),
    )
    return services, shield


async def _open(config: Config, guard: Protection, house: House, stack: AsyncExitStack) -> Running:
    """Reads the clock, then listens."""
    host, port = _split(config.http_address)
    try:
        await house.engine.open()
    except StoreUnavailable as error:
        raise StartError(f"DATABASE_URL: {error}") from error
    with _listening("HTTP_ADDRESS", config.http_address):
        http_port = await house.observing.http.start(host, port)
    stack.push_async_callback(house.observing.http.stop)
    with _listening("GRPC_ADDRESS", config.grpc_address):
        grpc_port = await house.edge.start(config.grpc_address, guard.tls)
    await house.observing.health.look()
    return Running(
        f"{_split(config.grpc_address)[0]}:{grpc_port}", f"{host}:{http_port}", house.engine, house.observing
    )


@contextmanager
def _listening(setting: str, address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise StartError(f"{setting}: cannot listen on {address}, it is taken or not ours") from error


async def _finish(house: House) -> None:
    """No new calls, no new claims, then what is in hand comes home."""
    await house.edge.stop(STOP_SECONDS)
    house.engine.stop()
    house.listener.stop()
    house.scheduler.loop.stop()
    house.retention.loop.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await house.engine.drain()


def _say_what_is_open(guard: Protection, outside: Outside, service: Running) -> None:
    for level, line in guard.lines():
        log.log(level, line)
    for name in outside.siblings.missing:
        log.warning("%s is not configured: what needs it fails with not_configured", name)
    log.info("serving gRPC on %s, health and metrics on http://%s", service.grpc, service.http)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
