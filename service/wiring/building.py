"""The house: engine, loops, edge and what looks at them, built on what was connected to. Nothing runs yet."""

import os
import socket
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from service.bus.listener import Listener
from service.bus.outgoing import Publisher
from service.config import Config
from service.domain.plan import Patience
from service.edge.server.server import EdgeServer
from service.engine.engine import Engine, Ports
from service.engine.lease import Lease
from service.engine.purging import Purger
from service.engine.rewind import RewindingOutbox
from service.engine.scheduler import Scheduler
from service.engine.subjects import Subjects
from service.observing.observing import Observing, Parts
from service.protection import Protection
from service.store.definitions import Definitions
from service.store.inbox import Inbox
from service.store.outbox import ChangeOutbox
from service.store.purging import Purges
from service.store.reads import Reads
from service.store.rewind import StreamMemory
from service.store.runs import Runs
from service.store.schedules import Schedules
from service.store.triggers import Triggers
from service.store.work import WorkQueue
from service.wiring.connecting import Outside
from service.wiring.ids import IDS
from service.wiring.services import services


@dataclass(frozen=True, slots=True)
class House:
    """What was built."""

    engine: Engine
    listener: Listener
    scheduler: Scheduler
    retention: Purger
    edge: EdgeServer
    observing: Observing


def build(config: Config, guard: Protection, outside: Outside, stack: AsyncExitStack) -> House:
    lease = Lease(config.lease_seconds)
    engine, outbox = _engine(config, outside, lease)
    definitions = Definitions(outside.writing, Reads(outside.reading), IDS)
    scheduler = Scheduler(engine.advance, Schedules(outside.writing), definitions, IDS)
    retention = Purger(Purges(outside.writing), replica(config), config.retention_seconds)
    over, shield = services(outside, engine, scheduler, retention, stack)
    edge = EdgeServer(
        over,
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
    definitions = Definitions(pool, Reads(outside.reading), IDS)
    inbox = Inbox(pool, lease.grace_seconds)
    outbox = RewindingOutbox(ChangeOutbox(pool), publisher.stream, StreamMemory(pool), time.monotonic)
    runs, triggers = Runs(pool), Triggers(pool)
    ports = Ports(runs, WorkQueue(pool), inbox, definitions, outbox, outside.siblings, publisher, triggers)
    subjects = Subjects(outside.siblings.entities, config.entities_required)
    patience, tracer = Patience(config.quiet_seconds), outside.tracer
    return Engine(ports, replica(config), IDS, lease, patience, subjects, tracer), outbox


def replica(config: Config) -> str:
    return config.replica or f"{socket.gethostname()}-{os.getpid()}"
