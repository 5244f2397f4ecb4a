"""Publishes one stored change as a CloudEvent, in the one of `formats` that it is told.

The event's id is its stream and its sequence, so that publishing again is the same event; JetStream drops it within its
window of duplicates, and consumers deduplicate on subject and sequence for ever. Satisfies
`engine.ports.outbox.Publisher`; called by the relay, which keeps the order.
"""

import re
from collections.abc import Mapping
from typing import Any

from service.bus import bodies
from service.bus.connection import Connection
from service.bus.formats import FORMATS, Attributes
from service.bus.streams import ACK_SECONDS, CHANGES_STREAM, CHANGES_SUBJECT, ChangesStream
from service.domain import trace
from service.engine.ports.failures import BusUnavailable
from service.engine.ports.outbox import Unpublished

SOURCE = "workflows"
SCHEMAS = "buf.build/evalops/proto"

_DRAINED = {None: "", False: "false", True: "true"}
"""Whether a paused run has nothing in flight any more; said of runs that are paused only."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class Publisher:
    """`stream` names where changes go; `form` is the name of one of FORMATS."""

    def __init__(
        self,
        connection: Connection,
        stream: str = CHANGES_STREAM,
        form: str = "headers",
        ack_seconds: float = ACK_SECONDS,
    ) -> None:
        self.stream = ChangesStream(connection, stream, ack_seconds)
        self._format = FORMATS[form]

    async def publish(self, change: Unpublished) -> None:
        """Returns when the stream has it. Raises BusUnavailable; then it may or may not be there."""
        body = bodies.write(change, min(bodies.MAX_BYTES, self.stream.most_bytes))
        headers, data = self._format(attributes_of(change, body), body.data)
        try:
            await self.stream.publish(subject_of(change), headers, data)
        except BusUnavailable as error:
            raise BusUnavailable(f"{_id_of(change)}: {error}") from error


def subject_of(change: Unpublished) -> str:
    """Where it is published, which is also the event's type. Raises ValueError for a name that is no single token."""
    for name in (change.aggregate, change.operation):
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no token of a subject")
    return f"{CHANGES_SUBJECT}.{change.aggregate}.{change.operation}"


def attributes_of(change: Unpublished, body: bodies.Body) -> Attributes:
    attributes = {
        "specversion": "1.0",
        "id": _id_of(change),
        "type": subject_of(change),
        "source": SOURCE,
        "subject": change.stream,
        "time": bodies.rfc3339(change.recorded_at),
        "tenantid": change.workspace_id,
        "dataschema": f"{SCHEMAS}/{body.message}",
        **_extensions(change, body),
    }
    return {name: value for name, value in attributes.items() if value}


def _id_of(change: Unpublished) -> str:
    return f"{change.stream}.{change.sequence}"


def _extensions(change: Unpublished, body: bodies.Body) -> Mapping[str, str]:
    return {
        "sequence": str(change.sequence),
        "actor": change.actor,
        "causationid": change.cause,
        "causechain": _chain(change.header),
        "truncated": "true" if body.truncated else "",
        "drained": _DRAINED[change.data.get("drained")],
        **trace.told(change.trace),
    }


def _chain(run: Mapping[str, Any]) -> str:
    """The definitions on the way that led to the run, its own last; empty when the change is of no run."""
    return ",".join((*run.get("chain", ()), run["definition_id"])) if run else ""
