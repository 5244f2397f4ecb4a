"""What `workflows doctor` says of siblings: of those that answer, and of those that do so only to refuse."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc  # type: ignore[import-untyped]

from service.dev.siblings import SimulatedSiblings
from service.domain.calls import SIBLINGS
from service.domain.checkup import Check, CheckResult
from service.siblings import checks
from service.siblings.checks import ASKED, check
from service.siblings.table import METHODS
from tests.world import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers here answers in the end."""
    monkeypatch.setattr(checks, "SECONDS", PATIENCE_SECONDS)


class Refusing(grpc.GenericRpcHandler):
    """Knows every method and answers with this status; health is `healthy`, where that is said."""

    def __init__(self, code: grpc.StatusCode, healthy: bool) -> None:
        self._code = code
        self._healthy = healthy

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if self._healthy and details.method.startswith("/grpc.health"):
            return None
        return grpc.unary_unary_rpc_method_handler(self._refuse)

    async def _refuse(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        await context.abort(self._code, "no")


@asynccontextmanager
async def serving(add: Callable[[grpc.aio.Server], None]) -> AsyncIterator[str]:
    server = grpc.aio.server()
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def healthy(server: grpc.aio.Server) -> None:
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)


async def looked(address: str) -> list[Check]:
    return await check(dict.fromkeys(SIBLINGS, address))


async def test_those_that_answer_are_well_and_have_done_nothing(siblings: SimulatedSiblings) -> None:
    found = await check(siblings.addresses)
    assert [each.what for each in found] == list(SIBLINGS)
    assert {(each.health, each.found.partition(", ")[2]) for each in found} == {
        (CheckResult.OK, "which tells nothing of its health")
    }
    done = [call for call in siblings.calls if call.outcome != "INVALID_ARGUMENT"]
    assert {call.method.partition(".")[0] for call in done}.isdisjoint({"governance", "notifications"})


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
@pytest.mark.parametrize("well", [True, False])
async def test_whoever_lets_us_in_nowhere_is_told(code: grpc.StatusCode, well: bool) -> None:
    def add(server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers((Refusing(code, well),))
        healthy(server)

    async with serving(add) as address:
        found = await looked(address)
    assert {(each.health, each.found) for each in found} == {
        (CheckResult.FAILED, f"{address} refuses our calls: {code.name}")
    }


async def test_another_service_at_the_address_is_told() -> None:
    async with serving(healthy) as address:
        found = await looked(address)
    assert [(each.health, each.found) for each in found] == [
        (CheckResult.FAILED, f"{address} does not know {ASKED[name]}") for name in SIBLINGS
    ]


async def test_whoever_says_no_to_nothing_is_well() -> None:
    def add(server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers((Refusing(grpc.StatusCode.INVALID_ARGUMENT, healthy=True),))
        healthy(server)

    async with serving(add) as address:
        found = await looked(address)
    assert {(each.health, each.found) for each in found} == {(CheckResult.OK, f"{address}, serving")}


def test_only_methods_are_asked_that_the_engine_calls_itself() -> None:
    assert set(ASKED) == set(SIBLINGS)
    called = {method.path for method in METHODS.values()}
    assert {ASKED[name] for name in ("objectives", "approvals", "governance", "notifications")} <= called
