"""The stream our own changes are kept in.

It is made when it is missing and never altered: whoever made it first, with other limits or under another name for the
same subjects, meant it so. Called at start by wiring, and by the publisher when the bus has lost the stream.
"""

import logging

from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from service.bus.connection import Connection
from service.engine.ports import BusUnavailable

CHANGES_STREAM = "workflows_changes"
CHANGES_SUBJECT = "workflows.changes"
KEPT_SECONDS = 168 * 3600.0
DUPLICATES_SECONDS = 120.0

_NAME_IN_USE = 10058
_SUBJECTS_OVERLAP = 10065

log = logging.getLogger(__name__)


async def ensure_changes_stream(connection: Connection, name: str = CHANGES_STREAM) -> None:
    """Raises BusUnavailable when the bus does not answer or refuses."""
    try:
        await _ensure(connection, name)
    except NatsError as error:
        raise BusUnavailable(f"stream {name}: {error}") from error


async def _ensure(connection: Connection, name: str) -> None:
    jetstream = connection.jetstream
    try:
        await jetstream.stream_info(name)
    except NotFoundError:
        try:
            await jetstream.add_stream(_config(name))
        except APIError as error:
            if error.err_code not in (_NAME_IN_USE, _SUBJECTS_OVERLAP):
                raise
            log.info("stream %s is left as somebody else made it: %s", name, error.description)
        else:
            log.info("stream %s created", name)


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
