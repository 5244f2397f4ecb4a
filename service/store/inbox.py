"""Bus events and their way to the runs that wait: the engine's EventStore.

An event is kept first and looked at in a later statement, a wait likewise, so that of two that meet at least one sees
the other; the run's guard absorbs it when both do. Keeping also names the expressions by which waits tell such events
apart, and routing writes the keys that they yield (`events_found` in the SQL says why nothing is lost between). A
delivery is an owed effect whose id follows from the event, so a run owes one per event; routing writes one to each
definition, too, that has a trigger under an address of the event. The body of an event stays while somebody may want
it, its id for longer.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from service.domain.bus_event import ApprovalReport, BusEvent, GovernanceReport, HandedIn, ObjectiveReport, Report, Tap
from service.domain.calls import Deliver
from service.domain.correlations import Correlate, correlations
from service.domain.decision import Wait
from service.domain.definition import TriggerType
from service.domain.patterns import generalizations
from service.domain.triggers import addresses
from service.domain.waits import topic
from service.engine.ports.events import Kept, Receipt, StoredEvent
from service.engine.ports.work import Work
from service.store.codec import dumps, optional, text
from service.store.pool import Pool, Row
from service.store.queries import joined, query
from service.store.work import work_of

_ROUTE = ("events_given", "events_triggering", "events_routed", "events_owed")
_LOOK = ("events_fresh_waits", "events_found", "events_owed", "events_looked")
_SWEEP = ("events_stale_waits", "events_found", "events_owed", "events_looked")

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Inbox:
    """`grace_seconds` is how long the sweep leaves a look or a routing to whoever began it."""

    pool: Pool
    grace_seconds: float = 10.0

    async def keep(self, events: Sequence[BusEvent]) -> list[Kept]:
        """One trip; one more for events that somebody else is keeping at this very moment."""
        first: dict[Key, BusEvent] = {}
        for event in events:
            first.setdefault(_key(event), event)
        kept = await self._keep(first)
        return [_as_first(event, kept[_key(event)]) for event in events]

    async def route(self, kept: Sequence[Kept], lease_seconds: float) -> list[Work]:
        given = [_given(item.event, correlations(item.event, item.awaited)) for item in kept]
        return await self._deliveries(_ROUTE, lease_seconds, text(given))

    async def look(self, run_id: str, workspace_id: str, waits: Sequence[Wait], lease_seconds: float) -> list[Work]:
        steps, addresses = [wait.step_id for wait in waits], [wait.address for wait in waits]
        return await self._deliveries(_LOOK, lease_seconds, run_id, steps, addresses)

    async def sweep(self, limit: int, lease_seconds: float) -> list[Work]:
        """Waits nobody looked for and events nobody routed, each older than the grace. Two trips, or three."""
        found = await self._deliveries(_SWEEP, lease_seconds, limit, self.grace_seconds)
        rows = await self.pool.read(query("events_unrouted"), (limit, self.grace_seconds))
        if rows:
            found += await self.route([_unrouted(row) for row in rows], lease_seconds)
        return found

    async def event(self, workspace_id: str, delivery: Deliver) -> StoredEvent | None:
        """None when it is unknown or its body is gone."""
        rows = await self.pool.read(query("event_get"), (workspace_id, delivery.source, delivery.event_id))
        return _stored(rows[0]) if rows else None

    async def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        await self.pool.write(query("letter_bury"), (subject, raw, text(headers), reason))

    async def expire(self, keep_buffered_seconds: float, keep_ids_seconds: float, limit: int) -> int:
        """Drops old bodies and forgets old ids, at most `limit` of each; gives how many. Two trips."""
        faded = await self.pool.write(query("events_fade"), (keep_buffered_seconds, limit))
        forgotten = await self.pool.write(query("events_forget"), (keep_ids_seconds, limit))
        return len(faded) + len(forgotten)

    async def expire_letters(self, keep_seconds: float, limit: int) -> int:
        return len(await self.pool.write(query("letters_expire"), (keep_seconds, limit)))

    async def _deliveries(self, arms: tuple[str, ...], lease_seconds: float, *params: object) -> list[Work]:
        rows = await self.pool.write(joined(arms, "events_done"), (lease_seconds, *params))
        return [work_of(row) for row in rows]

    async def _keep(self, events: Mapping[Key, BusEvent]) -> dict[Key, Kept]:
        given = text([_row(event) for event in events.values()]), text(_kinds(events.values()))
        rows = await self.pool.write(query("events_keep"), given)
        found = {(workspace, source, id_): (_fate(*seen), awaited) for workspace, source, id_, *seen, awaited in rows}
        kept = {key: Kept(events[key], fate, _correlates(awaited)) for key, (fate, awaited) in found.items() if fate}
        unseen = {key: events[key] for key in found if key not in kept}
        return {**kept, **(await self._keep(unseen) if unseen else {})}


def _fate(fresh: bool, same: bool | None, done: bool) -> Receipt | None:
    """None when it was stored after this statement began, so that it could not be seen."""
    if fresh:
        return Receipt.FRESH
    if same is None:
        return None
    if not same:
        return Receipt.CLASH
    return Receipt.DONE if done else Receipt.UNROUTED


def _as_first(event: BusEvent, first: Kept) -> Kept:
    """What repeats an id within one batch shares the fate of the first, or clashes with it."""
    same = event is first.event or _digest(event) == _digest(first.event)
    return replace(first, event=event, fate=first.fate if same else Receipt.CLASH)


# --- rows ----------------------------------------------------------------------------------------------------------


def _key(event: BusEvent) -> Key:
    return event.tenant, event.source, event.id


def _key_columns(event: BusEvent) -> dict[str, str]:
    return {"workspace_id": event.tenant, "source": event.source, "event_id": event.id}


def _row(event: BusEvent) -> dict[str, Any]:
    return {
        **_key_columns(event),
        "digest": _digest(event),
        "type": event.type,
        "subject": event.subject,
        "bus_subject": event.bus_subject,
        "about": topic(event),
        "trace": event.trace,
        "body": _body(event),
    }


def _kinds(events: Iterable[BusEvent]) -> list[dict[str, Any]]:
    """The types of the events, each once, with the patterns under which they may be awaited."""
    kinds = {(event.tenant, event.type) for event in events}
    return [{"workspace_id": tenant, "type": type_, "patterns": _patterns(type_)} for tenant, type_ in kinds]


def _patterns(event_type: str) -> Sequence[str]:
    """Nobody can wait for what says of no type: it was handed in for triggers alone."""
    return generalizations(event_type) if event_type else ()


def _given(event: BusEvent, keys: Mapping[Correlate, str]) -> dict[str, Any]:
    return {
        **_key_columns(event),
        "about": topic(event),
        "patterns": _patterns(event.type),
        "correlated": [f"{correlate.pattern}#{key}" for correlate, key in keys.items()],
        "correlations": sorted(set(keys.values())),
        "triggers": addresses(event),
    }


def _body(event: BusEvent) -> dict[str, Any]:
    """Without what a plain event does not have: so it keeps the digest that it was first kept with."""
    about = {topic(event).partition(":")[0]: _told(event.about)} if event.about else None
    body = {"time": event.time, "payload": event.payload, "about": about}
    more = {"tap": event.tap, "chain": event.chain, "handed_in": event.handed_in}
    return body | {name: value for name, value in more.items() if value}


def _told(about: Report) -> dict[str, Any]:
    """Without `said` where nothing is: so events that never had it keep the digest they were first kept with."""
    told = {part.name: getattr(about, part.name) for part in fields(about)}
    return {name: value for name, value in told.items() if (name, value) != ("said", None)}


def _digest(event: BusEvent) -> bytes:
    """Of what the producer said; where it was published does not count."""
    said = [event.type, event.subject, _body(event)]
    return hashlib.sha256(orjson.dumps(orjson.loads(dumps(said)), option=orjson.OPT_SORT_KEYS)).digest()


def _stored(row: Row) -> StoredEvent:
    workspace_id, source, event_id, type_, subject, bus_subject, trace, body, received_at = row
    event = BusEvent(
        id=event_id,
        source=source,
        type=type_,
        tenant=workspace_id,
        bus_subject=bus_subject,
        subject=subject,
        time=optional(datetime.fromisoformat, body["time"]),
        payload=body["payload"],
        about=optional(_report_of, body["about"]),
        tap=optional(lambda told: Tap(**told), body.get("tap")),
        chain=tuple(body.get("chain", ())),
        handed_in=optional(_handed_in, body.get("handed_in")),
        trace=trace,
    )
    return StoredEvent(event, received_at)


def _handed_in(told: Mapping[str, Any]) -> HandedIn:
    return HandedIn(**{**told, "trigger_type": TriggerType(told["trigger_type"])})


def _unrouted(row: Row) -> Kept:
    *stored, awaited = row
    return Kept(_stored(tuple(stored)).event, Receipt.UNROUTED, _correlates(awaited))


def _correlates(column: Iterable[tuple[str, str]]) -> tuple[Correlate, ...]:
    return tuple(Correlate(pattern, expression) for pattern, expression in column)


def _report_of(about: Mapping[str, Any]) -> Report:
    [(kind, told)] = about.items()
    if kind == "approval":
        return ApprovalReport(**told)
    if kind == "governance":
        return GovernanceReport(**told)
    return ObjectiveReport(**{**told, "cost_usd": optional(Decimal, told["cost_usd"])})
