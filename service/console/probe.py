"""Does the server answer, is it healthy, can it be asked for its contract, and who may ask it?"""

import time
from dataclasses import replace

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]

from service.console import contract, unreached
from service.console.exits import DENIED, Failed
from service.console.session import Session
from service.console.settings import Settings
from service.domain.checkup import Check, failed, ok, warning

AREA = "server"


def check(session: Session) -> list[Check]:
    """Never raises for what the server does, but Failed for settings that cannot be used."""
    address = session.settings.address
    try:
        status, seconds = _health(session)
    except grpc.RpcError as error:
        advice = unreached.advice(error.details() or "", session.settings)
        return [failed(AREA, "connection", f"no answer from {address} ({error.code().name})", advice)]
    return [
        ok(AREA, "connection", f"{address} in {seconds * 1000:.0f} ms"),
        _served(status),
        _reflection(session),
        _protection(session),
    ]


def _health(session: Session) -> tuple[int, float]:
    begun = time.monotonic()
    stub = health_pb2_grpc.HealthStub(session.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=session.settings.timeout)
    return answer.status, time.monotonic() - begun


def _served(status: int) -> Check:
    if status == health_pb2.HealthCheckResponse.SERVING:
        return ok(AREA, "health", "serving")
    return failed(AREA, "health", "not serving", "its database or its bus does not answer: see the checks of those")


def _reflection(session: Session) -> Check:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = reflection_pb2_grpc.ServerReflectionStub(session.channel).ServerReflectionInfo(
        iter([request]), timeout=session.settings.timeout
    )
    try:
        known = {each.name for answer in call for each in answer.list_services_response.service}
    except grpc.RpcError as error:
        return warning(AREA, "reflection", f"answers {error.code().name}", "grpcurl and its like need the .proto files")
    missing = [name for name in contract.services() if name not in known]
    if missing:
        return warning(AREA, "reflection", f"lacks {', '.join(missing)}", "the server is of another release")
    return ok(AREA, "reflection", f"{len(known)} services")


def _protection(session: Session) -> Check:
    if _answers(session, token=False):
        return _open(session.settings)
    if not session.settings.bearer():
        return ok(AREA, "protection", "asks for a token")
    if _answers(session, token=True):
        return ok(AREA, "protection", "asks for a token, and takes ours")
    return failed(AREA, "protection", "does not take our token", "--token, --token-file or WORKFLOWS_TOKEN has one")


def _answers(session: Session, *, token: bool) -> bool:
    """Whether a call that changes nothing is let in."""
    try:
        session.ask("ListDefinitions", anonymous=not token, workspace_id=session.workspace, limit=1)
    except Failed as refused:
        return refused.code != DENIED
    return True


def _open(settings: Settings) -> Check:
    if settings.cert is not None and not _lets_in_without_certificate(settings):
        return ok(AREA, "protection", "asks for a certificate, and takes ours")
    if settings.local:
        return ok(AREA, "protection", "open to everybody on this machine")
    advice = "whoever reaches it may do everything: configure tokens or mTLS, or keep it to a private network"
    return warning(AREA, "protection", "open to everybody", advice)


def _lets_in_without_certificate(settings: Settings) -> bool:
    with Session(replace(settings, cert=None, key=None)) as bare:
        try:
            _health(bare)
        except grpc.RpcError:
            return False
    return True
