"""Can the siblings be reached, and do they let us ask? For `workflows doctor`.

Each is asked for its health, where it tells, and then for something that we call it for, in a way that changes nothing:
a look-up of nothing, or, where all that we call does something, bytes that are no request and that nobody can act on.
So whoever answers health only, and refuses every call, is found out.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from service.domain.calls import SIBLINGS
from service.domain.checkup import Check, failed, ok, warning
from service.siblings.credentials import PLAIN, Credentials

SECONDS = 3.0

ASKED = {
    "objectives": "/objectives.v1.ObjectiveService/Get",
    "agents": "/agents.v1.AgentService/Get",
    "registry": "/registry.v1.RegistryService/Discover",
    "approvals": "/approvals.v1.ApprovalService/GetApproval",
    "governance": "/governance.v1.GovernanceService/EvaluateAction",
    "notifications": "/notifications.v1.NotificationService/Send",
    "meter": "/meter.v1.MeterService/QueryUsage",
    "prompts": "/prompts.v1.PromptService/Resolve",
    "skills": "/skills.v1.SkillService/Get",
    "entities": "/entities.v1.EntityService/GetCanonical",
    "identity": "/identity.v1.TokenService/Introspect",
}

_AREA = "siblings"
_NOTHING = b""
_NO_REQUEST = b"\xff"  # half a tag
_DOING = frozenset({"governance", "notifications"})
_SILENT = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_REFUSING = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
_SERVING, _NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING

Metadata: TypeAlias = tuple[tuple[str, str], ...]


async def check(addresses: Mapping[str, str], credentials: Credentials = PLAIN) -> list[Check]:
    """`addresses` and `credentials` as for SiblingClients. Never raises for what a sibling does."""
    return await asyncio.gather(*(_one(name, addresses.get(name, ""), credentials) for name in SIBLINGS))


async def _one(name: str, address: str, credentials: Credentials) -> Check:
    if not address:
        advice = f"steps that need it fail with not_configured; {name.upper()}_ADDRESS says where it is"
        return warning(_AREA, name, "is not configured", advice)
    async with credentials.channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        metadata = credentials.metadata()
        health = await _health(channel, metadata)
        answer = health if health in _SILENT else await _answer(channel, name, metadata)
    return _refused(name, address, answer) or _healthy(name, address, health)


async def _health(channel: grpc.aio.Channel, metadata: Metadata) -> int | grpc.StatusCode:
    """What it says of itself, or how it does not."""
    asked = health_pb2_grpc.HealthStub(channel).Check
    try:
        answer = await asked(health_pb2.HealthCheckRequest(), timeout=SECONDS, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return int(answer.status)


async def _answer(channel: grpc.aio.Channel, name: str, metadata: Metadata) -> grpc.StatusCode:
    asked: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ASKED[name])
    request = _NO_REQUEST if name in _DOING else _NOTHING
    try:
        await asked(request, timeout=SECONDS, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def _refused(name: str, address: str, answer: int | grpc.StatusCode) -> Check | None:
    """None for one that would do what it is asked for; that there is nothing, or no request, is what it should say."""
    setting = f"{name.upper()}_ADDRESS"
    if answer in _SILENT:
        advice = f"start it, or correct {setting}; runs wait for it meanwhile"
        return failed(_AREA, name, f"no answer from {address}", advice)
    if answer is grpc.StatusCode.UNIMPLEMENTED:
        return failed(_AREA, name, f"{address} does not know {ASKED[name]}", f"correct {setting}, or upgrade it")
    if isinstance(answer, grpc.StatusCode) and answer in _REFUSING:
        advice = "it has to let this service in: SIBLINGS_TOKEN_FILE and SIBLINGS_CERT say who we are"
        return failed(_AREA, name, f"{address} refuses our calls: {answer.name}", advice)
    return None


def _healthy(name: str, address: str, health: int | grpc.StatusCode) -> Check:
    """A service need not tell of its health; that it answers is enough."""
    if health == _NOT_SERVING:
        return warning(_AREA, name, f"{address} says that it is not serving", "look at its logs")
    if health == _SERVING:
        return ok(_AREA, name, f"{address}, serving")
    return ok(_AREA, name, f"{address}, which tells nothing of its health")
