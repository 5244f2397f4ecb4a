"""What our server shows of itself under TLS, and by whom it knows its clients: read again when the files change.

gRPC asks before every handshake, so whoever renews certificates only has to replace the files: new connections see the
new ones, open ones go on with what they began with. To ask costs a look at the files' marks. What has changed is looked
over as at start; what cannot be used, such as a certificate whose key is still the old one, is told in the log, once,
and the server goes on with what it had. Made by `protection`.
"""

import logging
from pathlib import Path
from typing import TypeAlias

import grpc

from service import pem

Marks: TypeAlias = tuple[tuple[int, int, int] | None, ...]
"""What tells a file from the one that was there before; None where there is none."""

log = logging.getLogger(__name__)


class ServerFiles:
    """`clients` is the authority of client certificates; empty when none are asked for."""

    def __init__(self, certificate: str, key: str, clients: str) -> None:
        self._certificate = certificate
        self._key = key
        self._clients = clients
        self._seen = self._marks()

    def credentials(self) -> grpc.ServerCredentials:
        """Raises PemError when the files cannot be used now."""
        return grpc.dynamic_ssl_server_credentials(
            self._read(),
            self._changed,  # type: ignore[arg-type]  # whose None the stub does not know
            require_client_authentication=bool(self._clients),
        )

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key = pem.pair("TLS_CERT", self._certificate, "TLS_KEY", self._key)
        clients = pem.authority("TLS_CLIENT_CA", self._clients) if self._clients else None
        return grpc.ssl_server_certificate_configuration([(key, certificate)], clients)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """What is new; None to go on as before. gRPC calls this on threads of its own, one at a time."""
        marks = self._marks()
        if marks == self._seen:
            return None
        self._seen = marks  # of before reading: what is written meanwhile is found at the next call
        try:
            found = self._read()
        except pem.PemError as error:
            log.warning("%s; the certificates that were read before stay in use", error)
            return None
        log.info("TLS: the certificates have changed, new connections see the new ones")
        return found

    def _marks(self) -> Marks:
        return tuple(_mark(path) for path in (self._certificate, self._key, self._clients) if path)


def _mark(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
