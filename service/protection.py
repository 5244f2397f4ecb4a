"""What the configuration says of who may connect and call, and what of that is safe.

Read once at start (the server's certificates again when they change): files are looked over, settings that contradict
each other are refused, and a server that nothing protects is not let listen beyond this machine unless its operator
says so. What is protected and what is not is told in plain lines. Called by wiring.
"""

import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TypeAlias

import grpc

from service import pem
from service.config import Config
from service.edge.gate.gate import Gate
from service.edge.gate.tokens import Introspector, Tokens
from service.server_tls import ServerFiles
from service.siblings import Credentials, CredentialsError

Line: TypeAlias = tuple[int, str]
"""How serious it is, and what to tell."""


class ProtectionError(ValueError):
    """Settings that cannot be used or are not safe; one line for the operator."""


@dataclass(frozen=True, slots=True)
class Protection:
    """`tls` is None without TLS; `outgoing` is what siblings are shown."""

    config: Config
    tokens: bool
    tls: grpc.ServerCredentials | None
    outgoing: Credentials

    def gate(self, identity: Introspector) -> Gate:
        tokens = Tokens(identity, self.config.workspace_of) if self.tokens else None
        return Gate(tokens, self.config.client_names if self.config.tls_client_ca else None)

    def lines(self) -> Iterator[Line]:
        """What to tell at start."""
        yield self._about_tokens()
        yield self._about_tls()
        yield self._about_certificates()
        yield logging.INFO, f"reflection: {'on, everybody may read the schema' if self.config.reflection else 'off'}"
        yield self._about_siblings()
        if exposed(self.config.http_address):
            yield logging.INFO, "health and metrics: plain HTTP, open to everybody who reaches them"

    def _about_tokens(self) -> Line:
        if self.tokens:
            mapped = len(self.config.workspace_of)
            where = f"the token's organization, {mapped} of them mapped" if mapped else "the token's organization"
            return logging.INFO, f"tokens: required, asked about at {self.config.identity}; workspace: {where}"
        if self.config.tls_client_ca:
            return logging.WARNING, "tokens: none are asked for; a client's certificate sees every workspace"
        return logging.WARNING, "open mode: no tokens are asked for, every caller sees every workspace"

    def _about_tls(self) -> Line:
        if self.tls is not None:
            return logging.INFO, "TLS: on"
        if self.tokens and exposed(self.config.grpc_address):
            return logging.WARNING, "TLS: off, tokens and payloads travel in plain text"
        return logging.INFO, "TLS: off"

    def _about_certificates(self) -> Line:
        if not self.config.tls_client_ca:
            return logging.INFO, "client certificates: none are asked for"
        names = ", ".join(sorted(self.config.client_names)) or "any of the authority"
        return logging.INFO, f"client certificates: required, let in: {names}"

    def _about_siblings(self) -> Line:
        shown = [
            "TLS" if self.config.siblings_ca else "no TLS",
            *(["a certificate of ours"] if self.config.siblings_cert else []),
            *(["a token of ours"] if self.config.siblings_token_file else []),
        ]
        in_plain = self.config.siblings_token_file and not self.config.siblings_ca
        return logging.WARNING if in_plain else logging.INFO, f"calls to siblings: {', '.join(shown)}"


def protection(config: Config) -> Protection:
    """Raises ProtectionError."""
    try:
        found = Protection(config, _tokens(config), _server_tls(config), _outgoing(config))
    except pem.PemError as error:
        raise ProtectionError(str(error)) from error
    except CredentialsError as error:
        raise ProtectionError(f"SIBLINGS_TOKEN_FILE: {error}") from error
    if not (found.tokens or found.tls or config.insecure) and exposed(config.grpc_address):
        raise ProtectionError(
            f"GRPC_ADDRESS: {config.grpc_address} can be reached from outside and nothing protects it: "
            "set IDENTITY_ADDRESS or TLS_CERT, or say --insecure (INSECURE=yes)"
        )
    return found


def _tokens(config: Config) -> bool:
    if config.auth == "tokens" and not config.identity:
        raise ProtectionError("AUTH: tokens are required, but IDENTITY_ADDRESS is not set to ask about them")
    return config.auth != "off" and bool(config.identity)


def _server_tls(config: Config) -> grpc.ServerCredentials | None:
    if not (config.tls_cert or config.tls_key):
        if config.tls_client_ca or config.tls_client_names:
            raise ProtectionError("TLS_CLIENT_CA: client certificates need TLS: set TLS_CERT and TLS_KEY")
        return None
    if config.tls_client_names and not config.tls_client_ca:
        raise ProtectionError("TLS_CLIENT_NAMES: names can only be checked with TLS_CLIENT_CA")
    return ServerFiles(config.tls_cert, config.tls_key, config.tls_client_ca).credentials()


def _outgoing(config: Config) -> Credentials:
    authority, certificate, key = b"", b"", b""
    if config.siblings_ca:
        authority = pem.authority("SIBLINGS_CA", config.siblings_ca)
    if config.siblings_cert or config.siblings_key:
        if not authority:
            raise ProtectionError("SIBLINGS_CERT: a certificate needs TLS: set SIBLINGS_CA")
        certificate, key = pem.pair("SIBLINGS_CERT", config.siblings_cert, "SIBLINGS_KEY", config.siblings_key)
    token_file = Path(config.siblings_token_file) if config.siblings_token_file else None
    return Credentials(authority, certificate, key, token_file)


def exposed(address: str) -> bool:
    """Whether `host:port` can be reached from another machine; a host that nobody knows counts as one that can."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return not all(_loopback(str(each[4][0])) for each in found)


def _loopback(text: str) -> bool:
    found = ip_address(text.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found.is_loopback
