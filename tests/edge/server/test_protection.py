"""What the settings protect, what is refused at start, in one line, and what is told."""

import logging
import os
from pathlib import Path

import pytest
import trustme

from service.config import Config, ConfigError
from service.protection import Protection, ProtectionError, exposed, protection
from tests.edge.certificates import Files, written

AUTHORITY = trustme.CA()
ANYWHERE = "0.0.0.0:50051"
IDENTITY = {"IDENTITY_ADDRESS": "identity:50051"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return written(tmp_path_factory.mktemp("pem"), AUTHORITY, AUTHORITY.issue_cert("localhost"))


def guard(**settings: object) -> Protection:
    given = {name: str(value) for name, value in settings.items()}
    return protection(Config.read({"DATABASE_URL": "x", "NATS_URL": "y", **given}))


def tls(files: Files) -> dict[str, object]:
    return {"TLS_CERT": files.cert, "TLS_KEY": files.key}


def told(found: Protection) -> dict[str, str]:
    return {line.partition(":")[0]: line for _, line in found.lines()}


# --- listening -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        ("127.0.0.1:1", False),
        ("127.8.9.1:1", False),
        ("[::1]:1", False),
        ("[::ffff:127.0.0.1]:1", False),
        ("localhost:1", False),
        ("127.1:1", False),
        (ANYWHERE, True),
        ("0:1", True),
        ("[::]:1", True),
        ("192.0.2.7:1", True),
        ("[::ffff:192.0.2.7]:1", True),
        ("nobody-knows-this.invalid:1", True),
        ("unix:1", True),
    ],
)
def test_what_can_be_reached_from_outside(address: str, reachable: bool) -> None:
    assert exposed(address) is reachable


@pytest.mark.parametrize("address", ["unix:/run/workflows.sock", "unix-abstract:x", ":50051", "50051"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ConfigError, match="GRPC_ADDRESS"):
        Config.read({"DATABASE_URL": "x", "NATS_URL": "y", "GRPC_ADDRESS": address})


def test_beyond_this_machine_something_must_protect_it(files: Files) -> None:
    with pytest.raises(ProtectionError, match=r"GRPC_ADDRESS.*--insecure"):
        guard(GRPC_ADDRESS=ANYWHERE)
    with pytest.raises(ProtectionError, match="GRPC_ADDRESS"):
        guard(GRPC_ADDRESS=ANYWHERE, AUTH="off", **IDENTITY)
    assert guard(GRPC_ADDRESS=ANYWHERE, INSECURE="yes").tls is None
    assert guard(GRPC_ADDRESS=ANYWHERE, **IDENTITY).tokens
    assert guard(GRPC_ADDRESS=ANYWHERE, **tls(files)).tls is not None
    assert not guard().tokens


def test_http_may_listen_anywhere() -> None:
    assert "health and metrics" in told(guard(HTTP_ADDRESS=ANYWHERE))
    assert "health and metrics" not in told(guard())


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "asked"),
    [({}, False), (IDENTITY, True), ({"AUTH": "off", **IDENTITY}, False), ({"AUTH": "tokens", **IDENTITY}, True)],
)
def test_when_tokens_are_asked_for(settings: dict[str, str], asked: bool) -> None:
    assert guard(**settings).tokens is asked


def test_tokens_need_somebody_to_ask() -> None:
    with pytest.raises(ProtectionError, match="IDENTITY_ADDRESS"):
        guard(AUTH="tokens")


def test_organizations_are_mapped() -> None:
    config = guard(WORKSPACES="org_1=ws_acme, org_2=ws_acme,").config
    assert config.workspace_of == {"org_1": "ws_acme", "org_2": "ws_acme"}


@pytest.mark.parametrize("said", ["org_1", "=ws", "org_1=", "org_1=*", "a=b=c", "a=b;c=d=e"])
def test_a_mapping_that_cannot_be_read_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match="WORKSPACES"):
        guard(WORKSPACES=said)


# --- certificates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA", "SIBLINGS_CA", "SIBLINGS_TOKEN_FILE"])
@pytest.mark.parametrize("what", ["missing", "a folder", "nonsense"])
def test_a_file_that_cannot_be_used_is_one_line(files: Files, tmp_path: Path, setting: str, what: str) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("-----BEGIN NOTHING-----\nsecret\n\x01" if setting != "SIBLINGS_TOKEN_FILE" else "\n")
    path = {"missing": tmp_path / "none", "a folder": tmp_path, "nonsense": nonsense}[what]
    with pytest.raises(ProtectionError) as caught:
        guard(**{**tls(files), setting: path})
    [line] = str(caught.value).splitlines()
    assert setting in line
    assert str(path) in line
    assert "secret" not in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_one_line(files: Files, tmp_path: Path) -> None:
    closed = tmp_path / "key.pem"
    closed.write_bytes(files.key.read_bytes())
    closed.chmod(0)
    with pytest.raises(ProtectionError, match="TLS_KEY"):
        guard(TLS_CERT=files.cert, TLS_KEY=closed)


def test_a_key_belongs_to_its_certificate(files: Files, tmp_path: Path) -> None:
    other = written(tmp_path / "other", AUTHORITY, AUTHORITY.issue_cert("localhost"))
    with pytest.raises(ProtectionError, match="TLS_CERT"):
        guard(TLS_CERT=files.cert, TLS_KEY=other.key)


def test_settings_that_make_no_sense_alone_are_refused(files: Files) -> None:
    senseless: list[tuple[dict[str, object], str]] = [
        ({"TLS_CERT": files.cert}, "TLS_KEY"),
        ({"TLS_KEY": files.key}, "TLS_CERT"),
        ({"TLS_CLIENT_CA": files.ca}, "need TLS"),
        ({"TLS_CLIENT_NAMES": "crm", **tls(files)}, "TLS_CLIENT_CA"),
        ({"SIBLINGS_CERT": files.cert, "SIBLINGS_KEY": files.key}, "SIBLINGS_CA"),
        ({"SIBLINGS_CA": files.ca, "SIBLINGS_KEY": files.key}, "SIBLINGS_CERT"),
    ]
    for settings, said in senseless:
        with pytest.raises(ProtectionError, match=said):
            guard(**settings)


# --- what is told ----------------------------------------------------------------------------------------------------


def test_an_open_server_says_so() -> None:
    lines = list(guard().lines())
    assert (logging.WARNING, "open mode: no tokens are asked for, every caller sees every workspace") in lines
    assert told(guard())["reflection"].endswith("everybody may read the schema")
    assert told(guard(REFLECTION="no"))["reflection"] == "reflection: off"


def test_each_protection_is_told(files: Files) -> None:
    settings = {**tls(files), "TLS_CLIENT_CA": files.ca, "TLS_CLIENT_NAMES": "crm, agents", "SIBLINGS_CA": files.ca}
    lines = told(guard(**IDENTITY, **settings, WORKSPACES="a=b"))
    assert lines["tokens"] == (
        "tokens: required, asked about at identity:50051; workspace: the token's organization, 1 of them mapped"
    )
    assert lines["TLS"] == "TLS: on"
    assert lines["client certificates"] == "client certificates: required, let in: agents, crm"
    assert lines["calls to siblings"] == "calls to siblings: TLS"


def test_tokens_in_plain_text_are_warned_of() -> None:
    lines = dict((line, level) for level, line in guard(GRPC_ADDRESS=ANYWHERE, **IDENTITY).lines())
    assert lines["TLS: off, tokens and payloads travel in plain text"] == logging.WARNING


def test_a_certificate_alone_is_warned_of(files: Files) -> None:
    found = guard(**tls(files), TLS_CLIENT_CA=files.ca)
    assert told(found)["tokens"] == "tokens: none are asked for; a client's certificate sees every workspace"
