"""Whose a token is, asked of the simulated identity; and what we show to siblings ourselves."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.timestamp_pb2 import Timestamp
from identity.v1.identity_pb2 import IntrospectResponse

from service.dev.siblings import Fault as ScriptedFault
from service.dev.siblings import SimulatedSiblings, Token
from service.domain.answers import Fault, FaultKind
from service.domain.identity import TokenHolder
from service.siblings import Credentials, CredentialsError, SiblingClients
from tests.siblings.asking import WORKSPACE

SECONDS = 60.0


async def test_a_good_token_has_a_holder(clients: SiblingClients, siblings: SimulatedSiblings) -> None:
    siblings.script.tokens["sdr"] = Token(
        "agent:sdr", WORKSPACE, ("workflows:run",), "agent", "agents", "WORKER", "user:ann", "2030-01-01T00:00:00Z"
    )
    assert await clients.identity.introspect("secret", SECONDS) == TokenHolder(
        "user_ann", WORKSPACE, ("workflows:read",), "user"
    )
    assert await clients.identity.introspect("sdr", SECONDS) == TokenHolder(
        "agent:sdr",
        WORKSPACE,
        ("workflows:run",),
        "agent",
        "agents",
        "WORKER",
        "user:ann",
        datetime(2030, 1, 1, tzinfo=UTC),
    )


async def test_another_has_none(clients: SiblingClients) -> None:
    assert await clients.identity.introspect("made-up", SECONDS) is None


@pytest.mark.parametrize("kind", ["NOT_FOUND", "INVALID_ARGUMENT"])
async def test_an_unheard_of_token_is_no_fault(clients: SiblingClients, siblings: SimulatedSiblings, kind: str) -> None:
    siblings.add_fault(ScriptedFault("identity.Introspect", kind))
    assert await clients.identity.introspect("secret", SECONDS) is None


@pytest.mark.parametrize("kind", ["UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "GARBAGE"])
async def test_what_is_no_answer_is_a_fault(clients: SiblingClients, siblings: SimulatedSiblings, kind: str) -> None:
    """Least of all that the token is not good."""
    siblings.add_fault(ScriptedFault("identity.Introspect", kind))
    assert isinstance(await clients.identity.introspect("secret", SECONDS), Fault)


async def test_nobody_waits_longer_than_they_said(clients: SiblingClients, siblings: SimulatedSiblings) -> None:
    siblings.add_fault(ScriptedFault("identity.Introspect", "HANG"))
    found = await clients.identity.introspect("secret", 0.05)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.TRANSPORT


async def test_identity_has_a_breaker_of_its_own(clients: SiblingClients, siblings: SimulatedSiblings) -> None:
    siblings.add_fault(ScriptedFault("identity.Introspect", "UNAVAILABLE", times=5))
    for _ in range(5):
        await clients.identity.introspect("secret", SECONDS)
    found = await clients.identity.introspect("secret", SECONDS)
    assert isinstance(found, Fault)
    assert found.reason == "breaker_open"


UNREADABLE = [
    IntrospectResponse(active=True),
    IntrospectResponse(active=True, subject="a\0"),
    IntrospectResponse(active=True, subject="a", organization_id="b\0"),
    IntrospectResponse(active=True, subject="a", expires_at=Timestamp(seconds=1 << 60)),
]


@pytest.mark.parametrize("reply", UNREADABLE)
async def test_an_unreadable_holder_is_none_and_opens_no_breaker(reply: IntrospectResponse) -> None:
    async with answering(reply) as (address, _):
        clients = SiblingClients({"identity": address})
        for _ in range(10):
            assert await clients.identity.introspect("secret", SECONDS) is None
        await clients.close()


# --- what we show ----------------------------------------------------------------------------------------------------

AUTHORITY = trustme.CA()
THEIRS, OURS = AUTHORITY.issue_cert("localhost"), AUTHORITY.issue_cert("workflows.internal")


@asynccontextmanager
async def answering(
    reply: IntrospectResponse, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """An identity that says that to everybody; its address, and what it was shown."""
    shown: list[dict[str, str]] = []

    async def introspect(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        names = [name.decode() for name in context.auth_context().get("x509_subject_alternative_name", ())]
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        shown.append({**metadata, "names": ",".join(names)})
        return reply.SerializeToString()

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(introspect)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("identity.v1.TokenService", {"Introspect": handler})]
    )
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"localhost:{port}", shown
    await server.stop(0)


ANN = IntrospectResponse(active=True, subject="ann")


async def test_siblings_are_shown_our_certificate() -> None:
    pair = (THEIRS.private_key_pem.bytes(), THEIRS.cert_chain_pems[0].bytes())
    server = grpc.ssl_server_credentials([pair], AUTHORITY.cert_pem.bytes(), require_client_auth=True)
    authority = AUTHORITY.cert_pem.bytes()
    certified = Credentials(authority, OURS.cert_chain_pems[0].bytes(), OURS.private_key_pem.bytes())
    async with answering(ANN, server) as (address, shown):
        for credentials, known in [(certified, True), (Credentials(authority), False), (Credentials(), False)]:
            clients = SiblingClients({"identity": address}, credentials=credentials)
            found = await clients.identity.introspect("secret", SECONDS)
            await clients.close()
            assert isinstance(found, TokenHolder) is known
    assert [one["names"] for one in shown] == ["workflows.internal"]


async def test_siblings_are_shown_our_token_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with answering(ANN) as (address, shown):
        clients = SiblingClients({"identity": address}, credentials=Credentials(token_file=file))
        await clients.identity.introspect("x", SECONDS)
        file.write_text("second")
        os.utime(file, ns=(1, 1))
        await clients.identity.introspect("x", SECONDS)
        file.unlink()
        await clients.identity.introspect("x", SECONDS)
        await clients.close()
    assert [one["authorization"] for one in shown] == ["Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("text", ["", " \n", "zwölf", "a\nb"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(CredentialsError, match="token"):
        Credentials(token_file=file)
