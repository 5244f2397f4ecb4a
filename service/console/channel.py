"""The channel to the server: plain, or TLS with our own certificate where one is given."""

from pathlib import Path
from urllib.parse import urlsplit

import grpc

from service.console import show
from service.console.exits import USAGE, Failed
from service.console.settings import Settings

_OPTIONS = (("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0), ("grpc.initial_reconnect_backoff_ms", 200))


def channel(settings: Settings) -> grpc.Channel:
    """Nothing is connected yet. Raises Failed for what cannot be an address or a certificate."""
    _check(settings)
    if settings.secure:
        return grpc.secure_channel(settings.host, _credentials(settings), _OPTIONS)
    if settings.bearer() and not settings.local:
        show.say("workflows: the token goes out unencrypted; --ca or https:// would protect it")
    return grpc.insecure_channel(settings.host, _OPTIONS)


def _check(settings: Settings) -> None:
    try:
        found = urlsplit(f"//{settings.host}")
        known = bool(found.hostname and found.port)
    except ValueError:
        known = False
    if not known:
        raise Failed(f"{settings.address!r} is no address; host:port is", USAGE)
    if (settings.cert is None) != (settings.key is None):
        raise Failed("--cert and --key go together", USAGE)


def _credentials(settings: Settings) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_pem(settings.ca), _pem(settings.key), _pem(settings.cert))


def _pem(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", USAGE) from None
