"""The demo's own ear and voice on NATS: it hears every change that is published, and sends the contact's reply.

The ear is a plain subscription, as any consumer could have one. The reply is a CloudEvent in headers around a protojson
Any, the way the mail tap publishes it.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import nats
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToJson
from nats.aio.client import Client
from nats.aio.msg import Msg
from tap.v1.event_pb2 import TapEventData
from uuid_utils.compat import uuid7

from service.dev.hearing import hear

CHANGES = "workflows.changes.>"
REPLY = "siphon.tap.gmail.message.received"


@dataclass(frozen=True, slots=True)
class Heard:
    """One CloudEvent. `stream` is the id of the run or definition it belongs to; `step` is empty where it is none's."""

    stream: str
    sequence: int
    type: str
    step: str
    time: str


class Bus:
    """Use as an async context manager. Raises nats' errors when there is no bus."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = Client()
        self._heard: list[Heard] = []
        self._more = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url)
        await hear(self._client, CHANGES, self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    def heard(self, stream: str) -> list[Heard]:
        """The events of one run or definition, in the order in which they came."""
        return [event for event in self._heard if event.stream == stream]

    async def until_told(self, stream: str, operation: str) -> None:
        """Returns once the operation (`run.completed`) was heard."""
        while not any(event.type.endswith(f".{operation}") for event in self.heard(stream)):
            self._more.clear()
            await self._more.wait()

    async def send_reply(self, workspace_id: str, sender: str) -> str:
        """The contact answers the outreach. Gives the event's id once the bus has it."""
        event_id = f"evt_{uuid7()}"
        data = TapEventData(provider="gmail", entity_type="message", action="received", tenant_id=workspace_id)
        data.snapshot.update({"from": sender, "subject": "Re: a question", "body": "Happy to talk on Thursday."})
        data.provider_event_id = event_id
        packed = AnyMessage()
        packed.Pack(data)
        body = MessageToJson(packed, preserving_proto_field_name=True).encode()
        await self._client.jetstream().publish(REPLY, body, headers=_headers(event_id, workspace_id))
        return event_id

    async def _hear(self, message: Msg) -> None:
        headers = message.headers or {}
        step = json.loads(message.data).get("step", {}).get("step_id", "")
        sequence = int(headers["ce-sequence"])
        self._heard.append(Heard(headers["ce-subject"], sequence, headers["ce-type"], step, headers["ce-time"]))
        self._more.set()


def _headers(event_id: str, workspace_id: str) -> dict[str, Any]:
    return {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": REPLY,
        "ce-source": f"tap/gmail/{workspace_id}",
        "ce-subject": "message/reply",
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-tenantid": workspace_id,
        "content-type": "application/json",
    }
