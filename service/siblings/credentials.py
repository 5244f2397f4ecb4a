"""What we show to siblings: TLS with or without a certificate of ours, and a token of ours.

One set for all siblings, read once at start; only the token is read again when its file changes, because platforms
replace such tokens while we run. Without a certificate authority connections are plain. Made by wiring, used by
`sibling`.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import grpc

_log = logging.getLogger(__name__)


class CredentialsError(ValueError):
    """A file cannot be used; the message is one line that names it."""


class Credentials:
    """`authority` is what siblings' certificates are checked against, PEM. `certificate` and `key` are ours, PEM, both
    or none. `token_file` holds a bearer token. Raises CredentialsError when there is no token in it."""

    def __init__(
        self, authority: bytes = b"", certificate: bytes = b"", key: bytes = b"", token_file: Path | None = None
    ) -> None:
        self.secure = bool(authority)
        self._tls = grpc.ssl_channel_credentials(authority, key or None, certificate or None) if authority else None
        self._token_file = token_file
        self._token: tuple[tuple[str, str], ...] = ()
        self._read_at = 0
        if token_file is not None:
            self._look(token_file)
            if not self._token:
                raise CredentialsError(f"{token_file}: no token can be read from it")

    def channel(self, address: str, options: Sequence[tuple[str, int]]) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self._tls, options=options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        if self._token_file is not None:
            self._look(self._token_file)
        return self._token

    def _look(self, path: Path) -> None:
        """A file that cannot be read for a moment leaves the token as it was."""
        try:
            changed_at = os.stat(path).st_mtime_ns
            if changed_at == self._read_at:
                return
            token = path.read_text().strip()
        except (OSError, ValueError):
            _log.warning("the token of our own cannot be read again")
            return
        self._read_at = changed_at
        if token and token.isascii() and token.isprintable():
            self._token = (("authorization", f"Bearer {token}"),)


PLAIN = Credentials()
