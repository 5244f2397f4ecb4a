"""Certificates and keys from files, looked over before anybody relies on them.

Invariant: whatever is wrong with a file, an operator reads one line that names the setting and the file, and never
what is in it. Called at start by `protection`, and by `server_tls` when files have changed.
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
    except (OSError, ValueError) as error:  # ssl's own are of the first kind
        raise PemError(f"{setting}: {path} holds no certificate") from error
    return found


def pair(certificate_setting: str, certificate: str, key_setting: str, key: str) -> tuple[bytes, bytes]:
    """A certificate, with those that vouch for it, and its key. Raises PemError."""
    if not (certificate and key):
        raise PemError(f"{certificate_setting} and {key_setting} are needed both, or none of them")
    found = _read(certificate_setting, certificate), _read(key_setting, key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        said = f"{certificate} and {key} are no certificate and its key, in plain PEM"
        raise PemError(f"{certificate_setting}, {key_setting}: {said}") from error
    return found


def _read(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PemError(f"{setting}: {path} cannot be read") from error
