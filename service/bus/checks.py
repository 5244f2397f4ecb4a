"""Is the bus one that the service can work with? Looked at once, over its own connection, for `workflows doctor`."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamInfo
from nats.js.errors import NotFoundError

from service.bus.streams import CHANGES_SUBJECT, DUPLICATES_SECONDS
from service.domain.checkup import Check, failed, ok, warning

SECONDS = 5.0

_AREA = "bus"
_DAY_SECONDS = 86_400.0


async def check(url: str, stream: str, listened: Sequence[tuple[str, str]]) -> list[Check]:
    """`stream` is for our changes, `listened` are the streams of others with the subjects wanted of them. Never raises
    for what the bus does."""
    try:
        async with asyncio.timeout(SECONDS):
            client = await nats.connect(
                url.split(","),
                allow_reconnect=False,
                max_reconnect_attempts=1,  # 0 would be without end
                reconnect_time_wait=0.1,
                error_cb=_quiet,
            )
    except (NatsError, OSError, TimeoutError, ValueError):
        return [failed(_AREA, "connection", "cannot be reached", "start NATS, or correct NATS_URL")]
    try:
        return await _looked(client, stream, listened)
    finally:
        with suppress(NatsError, TimeoutError):
            await client.close()


async def _looked(client: Client, stream: str, listened: Sequence[tuple[str, str]]) -> list[Check]:
    version = client.connected_server_version
    found = [ok(_AREA, "connection", f"NATS {version.major}.{version.minor}.{version.patch}")]
    jetstream = client.jetstream(timeout=SECONDS)
    try:
        account = await jetstream.account_info()
    except (NatsError, TimeoutError):
        advice = "start nats-server with JetStream (-js), and let this user use it"
        return [*found, failed(_AREA, "JetStream", "is not there", advice)]
    found.append(ok(_AREA, "JetStream", f"{account.streams} streams"))
    found.append(await _ours(jetstream, stream))
    return found + [await _foreign(jetstream, name, subject) for name, subject in listened]


async def _ours(jetstream: JetStreamContext, name: str) -> Check:
    what = f"stream {name}"
    try:
        info = await jetstream.stream_info(name)
    except NotFoundError:
        return warning(_AREA, what, "is not there yet", "the service makes it when it starts")
    except (NatsError, TimeoutError) as error:
        return failed(_AREA, what, f"cannot be looked at: {error}", "let this user read and publish to it")
    return _configured(what, info)


def _configured(what: str, info: StreamInfo) -> Check:
    config = info.config
    if f"{CHANGES_SUBJECT}.>" not in (config.subjects or ()):
        return failed(_AREA, what, f"does not take {CHANGES_SUBJECT}.>", "add the subject, or correct NATS_STREAM")
    odd = []
    if config.storage != StorageType.FILE:
        odd.append("is kept in memory and lost with the server")
    if config.retention != RetentionPolicy.LIMITS:
        odd.append("forgets what one reader has acknowledged")
    if config.max_age and config.max_age < _DAY_SECONDS:
        odd.append("keeps less than a day")
    if (config.duplicate_window or 0.0) < DUPLICATES_SECONDS:
        odd.append("recognises duplicates for less than two minutes")
    if odd:
        return warning(_AREA, what, ", ".join(odd), "change the stream, or let the service make it anew")
    return ok(_AREA, what, f"{info.state.messages} messages")


async def _foreign(jetstream: JetStreamContext, name: str, subject: str) -> Check:
    what = f"stream {name}"
    try:
        info = await jetstream.stream_info(name)
    except NotFoundError:
        return warning(
            _AREA, what, "is not there", f"nothing of {subject} is heard until its owner makes it; see NATS_LISTEN"
        )
    except (NatsError, TimeoutError) as error:
        return failed(_AREA, what, f"cannot be looked at: {error}", "let this user read it")
    return ok(_AREA, what, f"{info.state.messages} messages, heard for {subject}")


async def _quiet(error: Exception) -> None:
    """What the client logs is told as a finding."""
