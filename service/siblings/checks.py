"""Can the siblings be reached? A connection to each, and its health where it tells, for `workflows doctor`."""

import asyncio
from collections.abc import Mapping

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from service.domain.calls import SIBLINGS
from service.domain.checkup import Check, failed, ok, warning
from service.siblings.credentials import PLAIN, Credentials

SECONDS = 3.0

_AREA = "siblings"


async def check(addresses: Mapping[str, str], credentials: Credentials = PLAIN) -> list[Check]:
    """`addresses` and `credentials` as for SiblingClients. Never raises for what a sibling does."""
    return await asyncio.gather(*(_one(name, addresses.get(name, ""), credentials) for name in SIBLINGS))


async def _one(name: str, address: str, credentials: Credentials) -> Check:
    if not address:
        advice = f"steps that need it fail with not_configured; {name.upper()}_ADDRESS says where it is"
        return warning(_AREA, name, "is not configured", advice)
    async with credentials.channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        asked = health_pb2_grpc.HealthStub(channel)
        call = asked.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS, metadata=credentials.metadata())
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            return _refused(name, address, error.code())
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return warning(_AREA, name, f"{address} says that it is not serving", "look at its logs")
    return ok(_AREA, name, f"{address}, serving")


def _refused(name: str, address: str, code: grpc.StatusCode) -> Check:
    """A service need not tell of its health; that it answers is enough."""
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        advice = f"start it, or correct {name.upper()}_ADDRESS; runs wait for it meanwhile"
        return failed(_AREA, name, f"no answer from {address}", advice)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ok(_AREA, name, f"{address}, which tells nothing of its health")
    return warning(_AREA, name, f"{address} answers {code.name}", "look at its logs")
