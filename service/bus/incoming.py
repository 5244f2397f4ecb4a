"""From a NATS message to a `BusEvent`, or to Poison; there is no third way out.

The message's shape says what is where (`shapes`); here it is believed or not. An event needs an id, a source, a type
and exactly one tenant, whether its envelope names it or the change inside does. The payload is the record of a Change,
else the data itself without its `@type`. Pure; called by the listener for every message, and by whoever replays dead
letters.
"""

from collections.abc import Mapping

from service.bus import packed, shapes
from service.bus.fields import Record, moment, nested, required, text
from service.bus.poison import Poison
from service.bus.reports import about
from service.bus.strict_json import clean, plain
from service.domain.commands import BusEvent

MAX_BYTES = 1024 * 1024


def parse(bus_subject: str, headers: Mapping[str, str], body: bytes) -> BusEvent:
    """Raises Poison when this can never become an event, whatever is wrong with it."""
    if len(body) > MAX_BYTES:
        raise Poison("too_large")
    envelope = shapes.read(headers, body)
    said = envelope.attributes
    message, fields = packed.named(envelope.data)
    change = fields if message == packed.CHANGE and fields else {}
    payload = nested(change, "payload") if change else fields
    return BusEvent(
        id=required(said, "id"),
        source=required(said, "source"),
        type=required(said, "type"),
        tenant=_tenant(said, change),
        bus_subject=clean(bus_subject),
        subject=text(said, "subject") or bus_subject,
        time=moment(said, "time"),
        payload=plain(payload),
        about=about(message, fields),
    )


def _tenant(said: Record, change: Record) -> str:
    named = {name for name in (text(said, "tenant"), text(change, "organization_id")) if name.strip()}
    if not named:
        raise Poison("missing_tenant")
    if len(named) > 1:
        raise Poison("tenant_mismatch")
    return named.pop()
