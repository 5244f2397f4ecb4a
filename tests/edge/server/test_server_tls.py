"""Certificates that are replaced while the server runs: what new connections see, and what open ones go on with."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from service.server_tls import ServerFiles
from tests.edge.certificates import Files, channel, written
from tests.edge.edge import serving

OLD, NEW = trustme.CA(), trustme.CA()
CHECK = health_pb2.HealthCheckRequest()


class Server(NamedTuple):
    port: int
    files: Files

    def replace(self, authority: trustme.CA, *, key: bool = True) -> None:
        """As a mounted secret is replaced: other files under the same names, at once."""
        fresh = written(self.files.cert.parent / "fresh", authority, authority.issue_cert("localhost"))
        fresh.ca.rename(self.files.ca)
        fresh.cert.rename(self.files.cert)
        if key:
            fresh.key.rename(self.files.key)

    async def shown_to_one_who_trusts(self, authority: trustme.CA) -> bool:
        """Whether a new connection sees a certificate of that authority."""
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        context.set_alpn_protocols(["h2"])
        try:
            _, writer = await asyncio.open_connection("localhost", self.port, ssl=context)
        except ssl.SSLCertVerificationError:
            return False
        writer.transport.abort()
        return True


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    files = written(tmp_path / "tls", OLD, OLD.issue_cert("localhost"))
    credentials = ServerFiles(str(files.cert), str(files.key), "").credentials()
    async with serving(credentials=credentials) as edge:
        yield Server(edge.port, files)


async def test_new_connections_see_the_new_certificate_and_open_ones_go_on(server: Server) -> None:
    async with channel(server.port, OLD) as opened:
        health = health_pb2_grpc.HealthStub(opened)
        await health.Check(CHECK)
        server.replace(NEW)
        assert await server.shown_to_one_who_trusts(NEW)
        assert not await server.shown_to_one_who_trusts(OLD)
        await health.Check(CHECK)


@pytest.mark.parametrize("broken", ["nonsense", "gone", "the old key"])
async def test_what_cannot_be_used_is_told_once_and_the_old_stays(
    server: Server, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    if broken == "the old key":
        server.replace(NEW, key=False)
    elif broken == "gone":
        server.files.cert.unlink()
    else:
        server.files.cert.write_text("-----BEGIN NOTHING-----")
    for _ in range(2):
        assert await server.shown_to_one_who_trusts(OLD)
    [told] = [record for record in caplog.records if record.name == "service.server_tls"]
    assert told.levelno == logging.WARNING
    assert "TLS_CERT" in told.getMessage()
    assert "stay in use" in told.getMessage()
    server.replace(NEW)
    assert await server.shown_to_one_who_trusts(NEW)


async def test_clients_are_known_by_the_new_authority(tmp_path: Path) -> None:
    files = written(tmp_path / "tls", OLD, OLD.issue_cert("localhost"))
    credentials = ServerFiles(str(files.cert), str(files.key), str(files.ca)).credentials()
    async with serving(credentials=credentials) as edge:
        async with channel(edge.port, OLD, OLD.issue_cert("crm")) as opened:
            await health_pb2_grpc.HealthStub(opened).Check(CHECK)
        Server(edge.port, files).replace(NEW)
        async with channel(edge.port, NEW, NEW.issue_cert("crm")) as opened:
            await health_pb2_grpc.HealthStub(opened).Check(CHECK)
        async with channel(edge.port, NEW, OLD.issue_cert("crm")) as opened:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await health_pb2_grpc.HealthStub(opened).Check(CHECK)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
