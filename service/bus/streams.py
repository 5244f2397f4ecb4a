"""The stream our own changes are kept in.

It is made when it is missing and never altered: whoever made it first, with other limits or under another name for the
same subjects, meant it so. `ensure_changes_stream` is called at start by wiring. `ChangesStream` is the way into it for
the publisher, and says whether it is still what it was: it may be lost and made anew at any time. It satisfies
`engine.rewind.Stream`.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from service.bus.connection import Connection
from service.domain.stream import StreamMark, StreamSeen
from service.engine.ports.failures import BusUnavailable

CHANGES_STREAM = "workflows_changes"
CHANGES_SUBJECT = "workflows.changes"
KEPT_SECONDS = 168 * 3600.0
DUPLICATES_SECONDS = 120.0
ACK_SECONDS = 5.0
HEADERS_BYTES = 64 * 1024
"""Left to the headers of a message, or half of it where it is small: NATS counts them, too, and ends the connection of
whoever sends too much."""

_NAME_IN_USE = 10058
_SUBJECTS_OVERLAP = 10065

log = logging.getLogger(__name__)


async def ensure_changes_stream(connection: Connection, name: str = CHANGES_STREAM) -> StreamInfo:
    """The stream, whoever made it. Raises BusUnavailable when the bus does not answer or refuses."""
    try:
        return await _ensure(connection, name)
    except NatsError as error:
        raise BusUnavailable(f"stream {name}: {error}") from error


async def _ensure(connection: Connection, name: str) -> StreamInfo:
    with suppress(NotFoundError):
        return await connection.jetstream.stream_info(name)
    with suppress(NotFoundError):
        return await _made_by_others(connection)
    try:
        made = await connection.jetstream.add_stream(_config(name))
    except APIError as error:
        if error.err_code not in (_NAME_IN_USE, _SUBJECTS_OVERLAP):
            raise
        return await _made_by_others(connection)
    log.info("stream %s created", name)
    return made


async def _made_by_others(connection: Connection) -> StreamInfo:
    jetstream = connection.jetstream
    return await jetstream.stream_info(await jetstream.find_stream_name_by_subject(f"{CHANGES_SUBJECT}.>"))


def _config(name: str) -> StreamConfig:
    return StreamConfig(
        name=name,
        description="Every change of a workflow run, step, definition and version.",
        subjects=[f"{CHANGES_SUBJECT}.>"],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        max_age=KEPT_SECONDS,
        duplicate_window=DUPLICATES_SECONDS,
    )


class StreamFacts(NamedTuple):
    """What /readyz says of the stream: `storage` is file or memory, `ours` whether a service like this one made it."""

    name: str
    storage: str
    ours: bool
    messages: int


async def look_at_stream(connection: Connection, name: str) -> StreamFacts | None:
    """The stream as it is, None while there is none. Makes nothing. Raises NatsError and BusUnavailable when JetStream
    does not answer."""
    try:
        try:
            info = await connection.jetstream.stream_info(name)
        except NotFoundError:
            info = await _made_by_others(connection)
    except NotFoundError:
        return None
    storage = StorageType(info.config.storage or StorageType.FILE)
    ours = info.config.description == _config(name).description
    return StreamFacts(info.config.name or name, storage.value, ours, info.state.messages)


class ChangesStream:
    """Methods raise BusUnavailable."""

    def __init__(self, connection: Connection, name: str = CHANGES_STREAM, ack_seconds: float = ACK_SECONDS) -> None:
        self._connection = connection
        self._name = name
        self._ack_seconds = ack_seconds
        self._trusted: StreamMark | None = None
        self._acked = 0
        self._sure = False
        self._largest = -1
        self._looked_in = self._session = connection.session

    @property
    def sure(self) -> bool:
        """Whether the connection is the one on which it was looked at, and nothing has failed or looked odd since."""
        return self._sure and self._connection.session == self._session

    @property
    def most_bytes(self) -> int:
        """How large a body may be, by what the server and the stream take."""
        bounds = (self._connection.client.max_payload, self._largest)
        most = min(bound for bound in bounds if bound > 0)
        return max(most // 2, most - HEADERS_BYTES)

    async def publish(self, subject: str, headers: Mapping[str, str], data: bytes) -> None:
        """Returns when the stream has it; refuses on a connection that came after the last look."""
        if self._trusted and self._connection.session != self._session:
            raise BusUnavailable("the stream was not looked at since the connection came back")
        before = self._acked
        try:
            ack = await self._connection.jetstream.publish(subject, data, self._ack_seconds, headers=dict(headers))
        except (NatsError, BusUnavailable) as error:
            self._sure = False
            raise BusUnavailable(str(error)) from error
        if ack.seq <= before and not ack.duplicate:
            self._sure = False
        self._acked = max(before, self._acked, ack.seq)

    async def look(self) -> StreamSeen:
        """The stream as it is, made when it is missing."""
        self._looked_in = self._connection.session
        info = await ensure_changes_stream(self._connection, self._name)
        assert info.created is not None
        self._largest = info.config.max_msg_size or -1
        mark = StreamMark(info.config.name or self._name, info.created, info.state.last_seq)
        return StreamSeen(mark, info.config.max_age or 0.0, self._come_so_far())

    def _come_so_far(self) -> StreamMark | None:
        trusted = self._trusted
        return trusted and StreamMark(trusted.stream, trusted.created_at, max(trusted.last_sequence, self._acked))

    async def last_at(self, seen: StreamSeen) -> datetime | None:
        """The time of its last message; None when it has none or that has expired."""
        if not seen.mark.last_sequence:
            return None
        try:
            return (await self._connection.jetstream.get_msg(seen.mark.stream, seen.mark.last_sequence)).time
        except NotFoundError:
            return None
        except NatsError as error:
            raise BusUnavailable(f"stream {seen.mark.stream}: {error}") from error

    def trust(self, seen: StreamSeen) -> None:
        self._trusted, self._acked = seen.mark, seen.mark.last_sequence
        self._session, self._sure = self._looked_in, True
