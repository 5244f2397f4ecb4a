"""Changes of the simulated siblings on NATS, as their common runtime publishes them.

A CloudEvent in headers with a protojson Any as body. Every publish has a new id and no `Nats-Msg-Id`, also when one
fact is published again because nobody acknowledged it: consumers must absorb a fact that arrives twice. What a request
brought about goes on with the trace of the request.
"""

import asyncio
import json
import logging
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime

import nats
import nats.errors
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from uuid_utils.compat import uuid7

from service.domain.trace import told

_LOG = logging.getLogger(__name__)
_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

STREAMS = {
    "objectives_changes": "objectives.changes.>",
    "approvals_events": "approvals.events.>",
    "approvals_changes": "approvals.changes.>",
    "SIPHON": "siphon.tap.>",
}

caused_by: ContextVar[str] = ContextVar("caused_by", default="")
"""The trace of the request that is being served, or that began the work that goes on in the background."""


class Changes:
    def __init__(self, nats_url: str) -> None:
        self._url = nats_url
        self._client = Client()

    async def start(self) -> None:
        """Connects and creates the siblings' streams where they are missing. Raises nats' errors."""
        self._client = await nats.connect(
            self._url,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            error_cb=_log_error,
            disconnected_cb=_log_away,
            reconnected_cb=_log_back,
        )
        for name, subjects in STREAMS.items():
            await self._create_if_missing(name, subjects)

    async def stop(self) -> None:
        with suppress(nats.errors.Error, OSError):  # of what the bus never got
            await self._client.close()

    async def publish(self, source: str, subject: str, tenant: str, message: Message) -> None:
        """Returns once the bus has acknowledged, or after some vain tries."""
        body = _body(message)
        for pause in _PAUSES_SECONDS:
            try:
                await self._client.jetstream().publish(subject, body, headers=_headers(source, subject, tenant))
                return
            except (nats.errors.Error, TimeoutError, OSError) as error:
                _LOG.warning("%s was not acknowledged: %s", subject, error)
                await asyncio.sleep(pause)

    async def _create_if_missing(self, name: str, subjects: str) -> None:
        stream = self._client.jetstream()
        try:
            await stream.stream_info(name)
        except NotFoundError:
            await stream.add_stream(name=name, subjects=[subjects])


def _headers(source: str, subject: str, tenant: str) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": str(uuid7()),
        "ce-type": subject,
        "ce-source": source,
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-tenantid": tenant,
        "content-type": "application/json",
        **told(caused_by.get()),
    }


def _body(message: Message) -> bytes:
    packed = AnyMessage()
    packed.Pack(message)
    return json.dumps(MessageToDict(packed, preserving_proto_field_name=True)).encode()


async def _log_error(error: Exception) -> None:
    """Five in a second while the bus is away, which is said once."""
    _LOG.debug("bus: %s", error)


async def _log_away() -> None:
    _LOG.warning("the simulated siblings have lost the bus")


async def _log_back() -> None:
    _LOG.info("the simulated siblings have the bus again")
