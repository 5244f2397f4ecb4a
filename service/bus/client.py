"""NATS' client, safe from what strangers publish.

nats-py stops reading, for good and silently, at a message whose subject is no UTF-8 or whose header block is cut short;
the bus delivers that message again to whoever comes next. So anybody who may publish could make every replica deaf.
Here such a subject has its bytes replaced and such headers are none: the message is then read or buried like any other.
Used by `connection` only.
"""

from nats.aio.client import Client
from nats.aio.msg import Msg


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


def _utf8(name: bytes) -> bytes:
    return name.decode(errors="replace").encode()
