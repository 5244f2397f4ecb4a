"""The life of the service: connected, built, opened, and taken down again within ten seconds.

Inside the context everything is checked and served; on the way out the server and the loops stop, what is in hand comes
home, and what was opened is closed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from service.config import Config
from service.engine.engine import Engine
from service.engine.ports.failures import StoreUnavailable
from service.engine.tracing import Tracer
from service.observing.observing import Observing
from service.protection import Protection, ProtectionError, protection
from service.tracing import tracing
from service.wiring.building import House, build, replica
from service.wiring.connecting import Outside, connect
from service.wiring.start_error import StartError

STOP_SECONDS = 4.0
DRAIN_SECONDS = 4.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses it really listens on, and the parts for those who look inside."""

    grpc: str
    http: str
    engine: Engine
    observing: Observing


@asynccontextmanager
async def running(config: Config, tracer: Tracer | None = None) -> AsyncIterator[Running]:
    """`tracer` stands in place of the one that the configuration asks for. Raises StartError."""
    guard = _protection(config)
    async with AsyncExitStack() as stack:
        if tracer is None:
            tracer = await stack.enter_async_context(tracing(config, replica(config)))
        outside = await connect(config, guard, tracer, stack)
        house = build(config, guard, outside, stack)
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
