"""Looking at dependencies: what a probe may do, and that a look ends whatever it does."""

import asyncio

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from service.edge.server import health
from service.edge.server.health import Found, Health, Probe
from service.edge.server.server import OURS
from tests.bus.helpers import eventually
from tests.edge.edge import Edge
from tests.world import PATIENCE_SECONDS

UP, DOWN = Found(True, {"version": 1}), Found(False)


class Dependency:
    """Found as the test says; `stuck` does not even let itself be cancelled at once."""

    def __init__(self) -> None:
        self.found: Found | Exception = UP
        self.stuck: asyncio.Event | None = None
        self.asked = 0
        self.cancelled = 0

    async def __call__(self) -> Found:
        self.asked += 1
        while self.stuck is not None and not self.stuck.is_set() and self.cancelled < 5:
            try:
                await self.stuck.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def dependency() -> Dependency:
    return Dependency()


@pytest.fixture
def looking(edge: Edge, dependency: Dependency) -> Health:
    async def other() -> Found:
        return UP

    probes: dict[str, Probe] = {"database": dependency, "bus": other}
    return Health(edge.server, probes)


async def statuses(edge: Edge) -> set[str]:
    stub = health_pb2_grpc.HealthStub(edge.channel)
    answers = [await stub.Check(health_pb2.HealthCheckRequest(service=name)) for name in ("", *OURS)]
    return {health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) for answer in answers}


async def test_every_service_serves_while_all_dependencies_will_do(
    edge: Edge, looking: Health, dependency: Dependency
) -> None:
    for found, status in ((UP, "SERVING"), (DOWN, "NOT_SERVING"), (UP, "SERVING"), (OSError(), "NOT_SERVING")):
        dependency.found = found
        await looking.look()
        assert await statuses(edge) == {status}
        assert looking.ready is (status == "SERVING")


async def test_since_moves_only_with_a_change(looking: Health, dependency: Dependency) -> None:
    await looking.look()
    first = looking.standings["database"].since
    await looking.look()
    assert looking.standings["database"].since == first
    dependency.found = DOWN
    await looking.look()
    assert looking.standings["database"].since > first
    assert looking.standings["bus"].found == UP


async def test_leaving_waits_for_a_probe_that_is_given_up(looking: Health, dependency: Dependency) -> None:
    dependency.stuck = asyncio.Event()
    watching = asyncio.create_task(looking.watch())
    await eventually(lambda: dependency.asked == 1)
    watching.cancel()
    await eventually(lambda: dependency.cancelled == 1)
    assert not watching.done()
    dependency.stuck.set()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert dependency.cancelled == 1


async def test_a_probe_that_hangs_does_not_hang_the_look(
    looking: Health, dependency: Dependency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.01)
    dependency.stuck = asyncio.Event()
    for _ in range(3):
        await looking.look()
        assert not looking.ready
    assert dependency.asked == 1, "hanging probes must not pile up"
    assert dependency.cancelled == 1
    monkeypatch.setattr(health, "PROBE_SECONDS", PATIENCE_SECONDS)
    dependency.stuck.set()
    await looking.look()
    dependency.stuck = None
    await looking.look()
    assert looking.ready
