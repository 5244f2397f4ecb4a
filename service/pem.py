"""Certificates and keys from files, looked over before anybody relies on them.

Invariant: whatever is wrong with a file, an operator reads one line that names the setting and the file, and never
what is in it. Called once at start by `protection`.
"""

import ssl
from pathlib import Path


class PemError(ValueError):
    """A file that cannot be used, in one line."""


def authority(setting: str, path: str) -> bytes:
    """The certificates to check others by. Raises PemError."""
    found = _read(setting, path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found.decode("ascii"))
    except ValueError as error:  # ssl's own errors among them
        raise PemError(f"{setting}: {path} holds no certificate") from error
    return found


def pair(certificate_setting: str, certificate: str, key_setting: str, key: str) -> tuple[bytes, bytes]:
    """A certificate, with those that vouch for it, and its key. Raises PemError."""
    for setting, path, other in (
        (certificate_setting, certificate, key_setting),
        (key_setting, key, certificate_setting),
    ):
        if not path:
            raise PemError(f"{setting} is not set, but {other} is")
    found = _read(certificate_setting, certificate), _read(key_setting, key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise PemError(
            f"{certificate_setting}: {certificate} and {key} are no certificate and its plain key"
        ) from error
    return found


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PemError(f"{setting}: {path} cannot be read") from error
