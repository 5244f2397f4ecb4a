"""Who gets in through the real server: tokens as they are spelt, client certificates and their names, TLS."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped]
from workflows.v1 import workflows_pb2 as pb
from workflows.v1.workflows_pb2_grpc import WorkflowServiceStub

from service.domain.answers import Fault
from service.domain.identity import TokenHolder
from service.edge.gate import certificates
from service.edge.gate.access import Scope
from service.edge.gate.caller import Caller
from service.edge.gate.gate import Gate
from service.edge.gate.tokens import Tokens
from tests.edge.certificates import Files, channel, written
from tests.edge.edge import Edge, refused, serving

LIST = pb.ListRunsRequest()
CREATE = pb.CreateDefinitionRequest(workspace_id="acme", name="x")
DENIED, UNAUTHENTICATED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
SERVER = AUTHORITY.issue_cert("localhost", "127.0.0.1")
ALLOWED = AUTHORITY.issue_cert("agents.internal")
BY_NAME = AUTHORITY.issue_cert("something.else", common_name="crm")
UNLISTED = AUTHORITY.issue_cert("someone.internal", common_name="someone")
NAMES = frozenset({"agents.internal", "crm"})


class Identity:
    """Takes every token but `bad`; the scopes are in it, by dots."""

    async def introspect(self, token: str, timeout_seconds: float) -> TokenHolder | Fault | None:
        if token == "bad":
            return None
        return TokenHolder("ann", "acme", tuple(f"workflows:{scope}" for scope in token.split(".")))


def gate(names: frozenset[str] | None = None) -> Gate:
    return Gate(Tokens(Identity(), {}), names)


def shown(value: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", value),)


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def guarded() -> AsyncIterator[Edge]:
    async with serving(gate=gate()) as made:
        yield made


@pytest.mark.parametrize("spelt", ["Bearer read", "bearer read", "BEARER  read"])
async def test_a_bearer_token_is_taken(guarded: Edge, spelt: str) -> None:
    await guarded.stub.ListRuns(LIST, metadata=shown(spelt))


@pytest.mark.parametrize(
    "spelt",
    [
        "read",
        "Bearer",
        "Bearer ",
        "Basic read",
        "Digest read",  # as long before the token as Bearer is
        "Bearer a b",
        "Bearer read,read",
        'Bearer re"ad',
    ],
)
async def test_what_is_no_bearer_token_is_malformed(guarded: Edge, spelt: str) -> None:
    """Not even where the token is known already."""
    await guarded.stub.ListRuns(LIST, metadata=shown("Bearer read"))
    error = await refused(guarded.stub.ListRuns(LIST, metadata=shown(spelt)))
    assert (error.code, error.reason) == (UNAUTHENTICATED, "malformed_token")


async def test_two_tokens_are_none(guarded: Edge) -> None:
    error = await refused(guarded.stub.ListRuns(LIST, metadata=(*shown("Bearer read"), *shown("Bearer write"))))
    assert (error.code, error.reason) == (UNAUTHENTICATED, "malformed_token")


async def test_no_error_shows_a_token(guarded: Edge, caplog: pytest.LogCaptureFixture) -> None:
    for spelt in ("Bearer bad", "Bearer writ", "Basic c2VjcmV0"):
        error = await refused(guarded.stub.ListRuns(LIST, metadata=shown(spelt)))
        assert spelt.split()[1] not in error.text + caplog.text


async def test_a_token_comes_before_what_is_asked(guarded: Edge) -> None:
    """Nobody without one learns what is right about a request."""
    raw: Any = guarded.channel.unary_unary("/workflows.v1.WorkflowService/GetRun")
    assert (await refused(raw(b"\xff\xff"))).reason == "no_token"
    assert (await refused(raw(b"\xff\xff", metadata=shown("Bearer read")))).reason == "malformed_request"


async def test_the_scope_is_that_of_the_call(guarded: Edge) -> None:
    await guarded.stub.CreateDefinition(CREATE, metadata=shown("Bearer write"))
    error = await refused(guarded.stub.CreateDefinition(CREATE, metadata=shown("Bearer read.run.operate.transition")))
    assert (error.code, error.reason) == (DENIED, "missing_scope")
    assert "workflows:write" in error.message


async def test_health_and_reflection_need_none(guarded: Edge) -> None:
    health = health_pb2_grpc.HealthStub(guarded.channel)
    await health.Check(health_pb2.HealthCheckRequest())
    assert await reflected(guarded)


async def test_reflection_can_be_switched_off() -> None:
    async with serving(reflected=False) as edge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reflected(edge)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_channelz_is_off(guarded: Edge) -> None:
    call: Any = guarded.channel.unary_unary("/grpc.channelz.v1.Channelz/GetServers")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def reflected(edge: Edge) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(edge.channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    return [
        one.name async for answer in stub.ServerReflectionInfo(asked) for one in answer.list_services_response.service
    ]


# --- certificates ----------------------------------------------------------------------------------------------------


def credentials(*, clients: bool = True) -> grpc.ServerCredentials:
    pair = (SERVER.private_key_pem.bytes(), SERVER.cert_chain_pems[0].bytes())
    return grpc.ssl_server_credentials([pair], AUTHORITY.cert_pem.bytes() if clients else None, clients)


@asynccontextmanager
async def asking(edge: Edge, leaf: trustme.LeafCert | None) -> AsyncIterator[WorkflowServiceStub]:
    async with channel(edge.port, AUTHORITY, leaf) as opened:
        yield WorkflowServiceStub(opened)


@pytest.mark.parametrize("leaf", [ALLOWED, BY_NAME], ids=["alternative name", "common name"])
async def test_a_certificate_on_the_list_is_a_service(leaf: trustme.LeafCert) -> None:
    async with serving(gate=Gate(names=NAMES), credentials=credentials()) as edge, asking(edge, leaf) as stub:
        await stub.CreateDefinition(CREATE)
        assert len(edge.committed) == 1


async def test_a_certificate_that_is_not_on_the_list_is_denied() -> None:
    async with serving(gate=Gate(names=NAMES), credentials=credentials()) as edge, asking(edge, UNLISTED) as stub:
        error = await refused(stub.ListRuns(LIST))
        assert (error.code, error.reason) == (DENIED, "foreign_certificate")


LOOKALIKES = [
    AUTHORITY.issue_cert("agents.internal.example", common_name="agents.internal.example"),
    AUTHORITY.issue_cert("my-agents.internal", common_name="my-agents.internal"),
    AUTHORITY.issue_cert("*.internal", common_name="*.internal"),
    AUTHORITY.issue_cert("agents", common_name="AGENTS.INTERNAL"),
    AUTHORITY.issue_cert("agents", common_name="agents.internal "),
    AUTHORITY.issue_cert("agents", common_name="crm,agents.internal"),
    AUTHORITY.issue_cert("agents", organization_name="agents.internal"),
    AUTHORITY.issue_cert("agents", common_name="crm\0.example.com"),
]


@pytest.mark.parametrize("leaf", LOOKALIKES)
async def test_a_name_that_only_resembles_one_on_the_list_is_not_on_it(leaf: trustme.LeafCert) -> None:
    """Nor does it help to say another name in metadata."""
    said = (
        ("x-forwarded-client-cert", "agents.internal"),
        ("x-workspace-id", "ws_acme"),
        ("x-actor", "agents.internal"),
    )
    async with serving(gate=Gate(names=NAMES), credentials=credentials()) as edge, asking(edge, leaf) as stub:
        error = await refused(stub.ListRuns(LIST, metadata=said))
        assert (error.code, error.reason) == (DENIED, "foreign_certificate")


@pytest.mark.parametrize("name", ["crm\nmia", "crm\0mia", "\u202ecrm", " "])
async def test_a_name_that_nobody_could_read_is_none(name: str) -> None:
    """It would be the actor in history, logs and audit."""
    leaf = AUTHORITY.issue_cert(common_name=name)
    async with serving(gate=Gate(names=()), credentials=credentials()) as edge, asking(edge, leaf) as stub:
        error = await refused(stub.CreateDefinition(CREATE))
        assert (error.code, error.reason) == (DENIED, "foreign_certificate")


async def test_without_a_list_every_certificate_of_the_authority_is_good() -> None:
    async with serving(gate=Gate(names=()), credentials=credentials()) as edge, asking(edge, UNLISTED) as stub:
        await stub.ListRuns(LIST)


EXPIRED = AUTHORITY.issue_cert("agents.internal", not_after=datetime(2020, 1, 1, tzinfo=UTC))
NOT_YET = AUTHORITY.issue_cert("agents.internal", not_before=datetime(2999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "leaf",
    [None, STRANGER.issue_cert("agents.internal"), EXPIRED, NOT_YET],
    ids=["none", "another authority's", "expired", "not yet good"],
)
async def test_without_a_certificate_of_the_authority_there_is_no_connection(leaf: trustme.LeafCert | None) -> None:
    async with serving(gate=Gate(names=NAMES), credentials=credentials()) as edge, asking(edge, leaf) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListRuns(LIST)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_with_tokens_a_certificate_opens_the_door_only() -> None:
    async with serving(gate=gate(NAMES), credentials=credentials()) as edge:
        async with asking(edge, ALLOWED) as stub:
            assert (await refused(stub.ListRuns(LIST))).reason == "no_token"
            await stub.ListRuns(LIST, metadata=shown("Bearer read"))
            assert (await refused(stub.ListRuns(LIST, metadata=shown("Bearer run")))).reason == "missing_scope"
        async with asking(edge, UNLISTED) as stub:
            assert (await refused(stub.ListRuns(LIST, metadata=shown("Bearer read")))).reason == "foreign_certificate"


async def test_tls_takes_tokens_without_client_certificates() -> None:
    async with serving(gate=gate(), credentials=credentials(clients=False)) as edge, asking(edge, None) as stub:
        await stub.ListRuns(LIST, metadata=shown("Bearer read"))


def test_a_certified_service_may_do_everything_in_its_own_name() -> None:
    certified = certificates.caller_of("crm")
    assert certified == Caller(None, "service:crm", for_others=True, scopes=frozenset(Scope))


# --- TLS versions ----------------------------------------------------------------------------------------------------


SERVED = """
import asyncio, sys
from pathlib import Path
from typing import Any
from service.cli import forbid_old_tls
forbid_old_tls()
import grpc

async def serve():
    server = grpc.aio.server()
    pair = tuple(Path(name).read_bytes() for name in sys.argv[1:])
    print(server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair])), flush=True)
    await server.start()
    await server.wait_for_termination()

asyncio.run(serve())
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return written(tmp_path_factory.mktemp("pem"), AUTHORITY, SERVER)


def spoken(port: int, files: Files, version: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=str(files.ca))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.version()


def test_nothing_older_than_tls_1_3_is_taken(files: Files) -> None:
    command = [sys.executable, "-c", SERVED, str(files.key), str(files.cert)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "GRPC_VERBOSITY": "NONE"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            assert spoken(port, files, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
            with pytest.raises(OSError, match=r"EOF|reset|alert"):
                spoken(port, files, ssl.TLSVersion.TLSv1_2)
        finally:
            server.kill()
