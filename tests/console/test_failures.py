"""What goes wrong between command line and server: said in words, repeated where that is safe, never a traceback."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme
from grpc import StatusCode

from service.console import watching
from tests.console.refusing import refusing
from tests.console.shell import Desk, Shell

CLOSED = "it ends the connection"
ENABLE = ("definitions", "enable", "wf_1")


async def test_nobody_listens() -> None:
    ended = await Shell()("runs", "list", "--address", "127.0.0.1:1")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("workflows: no answer from 127.0.0.1:1: is the server running there?\n")
    told = json.loads((await Shell()("--json", "--address", "127.0.0.1:1", "runs", "list")).err)
    assert (told["error"]["status"], told["error"]["exit_code"]) == ("UNAVAILABLE", 5)


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":1", "[::1", "host:99999999"])
async def test_what_is_no_address(address: str) -> None:
    ended = await Shell()("runs", "list", WORKFLOWS_ADDRESS=address)
    assert ended.code == 2
    assert "is no address" in ended.err


async def test_an_outage_is_sat_out_under_one_key() -> None:
    async with refusing(StatusCode.UNAVAILABLE, StatusCode.UNAVAILABLE) as server:
        await Shell().done(*ENABLE, "--address", server.address)
        first, *again = [each["idempotency-key"] for each in server.metadata]
        assert again == [first, first]
        await Shell().done(*ENABLE, "--address", server.address)
        assert server.metadata[-1]["idempotency-key"] != first
        await Shell().done(*ENABLE, "--address", server.address, "--key", "mine")
        assert server.metadata[-1]["idempotency-key"] == "mine"


async def test_an_outage_that_lasts_is_told() -> None:
    async with refusing(*[StatusCode.UNAVAILABLE] * 9) as server:
        assert (await Shell()(*ENABLE, "--address", server.address)).code == 5
        assert len(server.metadata) == 4


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (StatusCode.PERMISSION_DENIED, 6, "not allowed: told to (PERMISSION_DENIED)"),
        (StatusCode.UNAUTHENTICATED, 6, "not known who asks: told to (UNAUTHENTICATED)"),
        (StatusCode.ALREADY_EXISTS, 3, "it exists already"),
        (StatusCode.NOT_FOUND, 4, "not found"),
        (StatusCode.INTERNAL, 1, "the server failed"),
        (StatusCode.DEADLINE_EXCEEDED, 5, "no answer from"),
        (StatusCode.RESOURCE_EXHAUSTED, 5, "too much at once"),
        (StatusCode.UNIMPLEMENTED, 1, "does not know SetEnabled; it is of another release"),
    ],
)
async def test_a_status_in_words(status: StatusCode, code: int, said: str) -> None:
    async with refusing(status) as server:
        ended = await Shell()(*ENABLE, "--address", server.address)
    assert ended.code == code
    assert said in ended.err
    assert len(server.metadata) == 1


async def test_every_violation_is_told(desk: Desk, shell: Shell) -> None:
    ended = await shell("runs", "start", "wf_1", "--entity", "x" * 200, "--entity-type", "y" * 200)
    assert ended.code == 1
    _, *lines = ended.err.splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["entity_id", "entity_type"]


async def test_what_the_message_says_is_not_told_again(desk: Desk, shell: Shell) -> None:
    ended = await shell("tasks", "claim", "nope")
    assert ended.err == "workflows: refused: id: has to be <run_id>/<step_id> (INVALID_ARGUMENT, malformed)\n"
    told = json.loads((await shell("tasks", "claim", "nope", "--json")).err)
    assert [each["field"] for each in told["error"]["violations"]] == ["id"]
    ended = await shell("runs", "show", "wfr_nope")
    assert ended.err == "workflows: run 'wfr_nope' was not found (NOT_FOUND, run_not_found)\n"


@pytest.mark.parametrize("odd", ["gr\u00fcn", "two\nlines"])
async def test_what_cannot_be_sent_is_no_fault_of_the_server(shell: Shell, odd: str) -> None:
    token = await shell("--token", odd, "runs", "list")
    key = await shell("definitions", "enable", "wf_x", "--key", odd)
    assert [(ended.code, ended.err) for ended in (token, key)] == [
        (2, "workflows: the token has to be printable ASCII on one line\n"),
        (2, "workflows: the idempotency key has to be printable ASCII on one line\n"),
    ]


async def test_the_token_goes_along(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    async with refusing() as server:
        shell = Shell({"WORKFLOWS_ADDRESS": server.address})
        await shell.done("definitions", "list", WORKFLOWS_TOKEN="from-environment")
        await shell.done("--token", "before", "definitions", "list", WORKFLOWS_TOKEN="from-environment")
        await shell.done("definitions", "list", "--token", "after", "--workspace", "ws")
        await shell.done("--token-file", str(tmp_path / "token"), "definitions", "list")
        file = {"WORKFLOWS_TOKEN_FILE": str(tmp_path / "token")}
        await shell.done("definitions", "list", "--token", "after", **file)
        sent = [each.get("authorization") for each in server.metadata]
        assert sent == [f"Bearer {token}" for token in ("from-environment", "before", "after", "from-file", "after")]
        await shell.done("definitions", "list")
        assert "authorization" not in server.metadata[-1]
        assert (await shell("definitions", "list", "--token-file", str(tmp_path / "none"))).code == 2


async def test_tls_in_both_directions(tmp_path: Path) -> None:
    authority = trustme.CA()
    ours, theirs = authority.issue_cert("operator"), authority.issue_cert("127.0.0.1")
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(ca)
    ours.cert_chain_pems[0].write_to_path(cert)
    ours.private_key_pem.write_to_path(key)
    credentials = grpc.ssl_server_credentials(
        [(theirs.private_key_pem.bytes(), theirs.cert_chain_pems[0].bytes())], authority.cert_pem.bytes(), True
    )
    async with refusing(credentials=credentials) as server:
        shell = Shell({"WORKFLOWS_ADDRESS": server.address})
        await shell.done("--ca", str(ca), "--cert", str(cert), "--key", str(key), "definitions", "list")
        bare = await shell("--ca", str(ca), "definitions", "list")
        assert (bare.code, bare.err.splitlines()[-1]) == (
            5,
            f"  {CLOSED}; it may want a certificate of ours: --cert and --key",
        )
        plain = await shell("definitions", "list")
        assert (plain.code, plain.err.splitlines()[-1]) == (
            5,
            f"  {CLOSED}; it may want TLS: --ca, or https:// before the address",
        )
        alone = await shell("--ca", str(ca), "--cert", str(cert), "definitions", "list")
        assert (alone.code, alone.err) == (2, "workflows: --cert and --key go together\n")
        assert (await shell("--ca", str(tmp_path / "none"), "definitions", "list")).code == 2


@pytest.mark.parametrize(
    ("name", "trusted", "secure", "said"),
    [
        ("127.0.0.1", False, True, "its certificate is not vouched for; --ca"),
        ("other.example", True, True, "its certificate is for another name; --address"),
        ("127.0.0.1", True, False, "it does not speak TLS; leave out --ca"),
    ],
)
async def test_a_handshake_that_fails_says_what_would_help(
    tmp_path: Path, name: str, trusted: bool, secure: bool, said: str
) -> None:
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(ca)
    cert = authority.issue_cert(name)
    credentials = grpc.ssl_server_credentials([(cert.private_key_pem.bytes(), cert.cert_chain_pems[0].bytes())])
    async with refusing(credentials=credentials if secure else None) as server:
        words = ("--ca", str(ca), "--address", server.address)
        ended = await Shell()(*words, "definitions", "list")
        looked = await Shell()(*words, "--json", "doctor", "--only", "server")
    assert (ended.code, looked.code) == (5, 1)
    assert ended.err.splitlines()[-1].startswith(f"  {said}")
    assert looked.json["checks"][0]["advice"].startswith(said)


@pytest.fixture
def heeded() -> Iterator[None]:
    """What is started heeds Ctrl-C: a shell that runs the tests in its background has all of them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
async def test_ctrl_c_ends_a_watch_cleanly(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    from tests.console.files import person

    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    run_id = (await shell.done("runs", "start", name, "--json")).json["id"]
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "runs", "watch", run_id, "--address", desk.address),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **shell.environment},
    )
    assert watch.stdout is not None
    async with asyncio.timeout(60):
        assert b"run started" in await watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, said = await watch.communicate()
    assert (watch.returncode, said.strip()) == (130, b"")


async def test_ctrl_c_while_a_lock_is_taken_again_ends_a_watch_as_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object) -> None:
        held = threading.Condition()
        with held:
            held.release()
            raise KeyboardInterrupt

    monkeypatch.setattr(watching, "watch", wait)
    ended = await Shell()("runs", "watch", "run_1")
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "")
