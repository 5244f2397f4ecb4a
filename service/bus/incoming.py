"""From a NATS message to a `BusEvent`, or to Poison; there is no third way out.

The message's shape says what is where (`shapes`); here it is believed or not. An event needs an id, a source, a type
and exactly one tenant, whether its envelope names it or the message inside does. The payload is the record of a Change,
else the data itself without its `@type`. Pure; called by the listener for every message, and by whoever replays dead
letters.
"""

from collections.abc import Mapping

from service.bus import packed, shapes, tap
from service.bus.fields import MAX_TEXT_BYTES, Record, moment, nested, required, text
from service.bus.poison import Poison
from service.bus.reports import about
from service.bus.strict_json import clean, plain
from service.domain.bus_event import BusEvent
from service.domain.workspaces import has_control


def parse(bus_subject: str, headers: Mapping[str, str], body: bytes) -> BusEvent:
    """Raises Poison when this can never become an event, whatever is wrong with it."""
    if len(body) > shapes.MAX_BYTES:
        raise Poison("too_large")
    envelope = shapes.read(headers, body)
    said = envelope.attributes
    message, fields = packed.named(envelope.data)
    change = fields if message == packed.CHANGE and fields else {}
    tapped = tap.payload(fields) if message == tap.NAME and fields else {}
    payload = nested(change, "payload") if change else tapped or fields
    return BusEvent(
        id=required(said, "id"),
        source=required(said, "source"),
        type=required(said, "type"),
        tenant=_tenant(said, change, tapped),
        bus_subject=clean(bus_subject),
        subject=text(said, "subject") or bus_subject,
        time=moment(said, "time"),
        payload=plain(payload),
        about=about(message, fields),
        tap=tap.seen(tapped) if tapped else None,
        chain=_chain(said),
        trace=envelope.trace,
    )


def _tenant(said: Record, change: Record, tapped: Record) -> str:
    places = ((said, "tenant"), (said, "tenantid"), (change, "organization_id"), (tapped, "tenant_id"))
    named = {name for name in (text(*place) for place in places) if name.strip()}
    if not named:
        raise Poison("missing_tenant")
    if len(named) > 1:
        raise Poison("tenant_mismatch")
    return _one_line(named.pop())


def _one_line(tenant: str) -> str:
    if has_control(tenant):
        raise Poison("bad_tenant")
    return tenant


def _chain(said: Record) -> tuple[str, ...]:
    """Definitions by commas, as we publish them ourselves."""
    return tuple(filter(None, (part.strip() for part in text(said, "chain", MAX_TEXT_BYTES).split(","))))
