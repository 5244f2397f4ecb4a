"""NATS' client, safe from what strangers publish.

nats-py stops reading, for good and silently, at a message whose subject is no UTF-8 or whose header block is cut short;
the bus delivers that message again to whoever comes next. So anybody who may publish could make every replica deaf.
Here such a subject has its bytes replaced and such headers are none: the message is then read or buried like any other.

It also writes headers that cannot break out of their lines at once; nats-py looks at each of them several times, which
is more work than all the rest of a publish. Used by `connection` only.
"""

from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol.command import hpub_cmd


class SturdyClient(Client):
    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, UnicodeDecodeError):
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        message: Msg = super()._build_message(sid, _utf8(subject), _utf8(reply), data, headers)
        return message

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
        if not lines or not "".join(lines).isprintable():
            return await super()._send_publish(subject, reply, payload, payload_size, headers)
        block = "\r\n".join(("NATS/1.0", *lines, "\r\n")).encode()
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(hpub_cmd(subject, reply, block, payload))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()
        return None


def _utf8(name: bytes) -> bytes:
    return name.decode(errors="replace").encode()
