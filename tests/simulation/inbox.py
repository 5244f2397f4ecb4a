"""The inbox of the simulated store: events that were kept, and how they and the waits find each other.

As in PostgreSQL a statement sees what was committed when it began and writes later: `found_by_route`, `found_by_look`
and `found_by_sweep` look, `owe` and `routed` write, and the store lets others in between. `test_conformance` holds it
to the real one.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import orjson

from service.domain.bus_event import BusEvent
from service.domain.calls import Deliver
from service.domain.correlations import Correlate, correlations
from service.domain.decision import Wait
from service.domain.definition import StepType, Version
from service.domain.effects import Owed
from service.domain.patterns import generalizations, matches
from service.domain.waits import topic
from service.engine.ports.events import Kept, Receipt, StoredEvent
from service.engine.ports.work import Work
from tests.simulation.tables import EffectRow, Tables, WaitRow

Key = tuple[str, str, str]
Found = list[tuple[str, BusEvent]]
"""Runs, and the events that each of them is to be handed."""


@dataclass(slots=True)
class EventRow:
    event: BusEvent
    received_at: datetime
    routed_at: datetime | None = None
    correlations: frozenset[str] = frozenset()
    gone: bool = False


@dataclass
class InboxTables:
    tables: Tables
    grace_seconds: float
    events: dict[Key, EventRow] = field(default_factory=dict)
    letters: list[tuple[str, bytes, Mapping[str, str], str]] = field(default_factory=list)

    # --- keeping ---------------------------------------------------------------------------------------------------

    def keep(self, events: Sequence[BusEvent]) -> list[Kept]:
        """What repeats an id within one batch shares the fate of the first, or clashes with it."""
        first: dict[Key, Kept] = {}
        for event in events:
            if _key(event) not in first:
                first[_key(event)] = self._keep(event)
        return [_as_first(event, first[_key(event)]) for event in events]

    def _keep(self, event: BusEvent) -> Kept:
        key, awaited = _key(event), self._correlates(event)
        row = self.events.get(key)
        if row is None:
            self.events[key] = EventRow(event, self.tables.now())
            return Kept(event, Receipt.FRESH, awaited)
        if _said(row.event) != _said(event):
            return Kept(event, Receipt.CLASH, awaited)
        return Kept(event, Receipt.DONE if row.routed_at else Receipt.UNROUTED, awaited)

    def event(self, workspace_id: str, delivery: Deliver) -> StoredEvent | None:
        row = self.events.get((workspace_id, delivery.source, delivery.event_id))
        return None if row is None or row.gone else StoredEvent(row.event, row.received_at)

    def bury(self, subject: str, raw: bytes, headers: Mapping[str, str], reason: str) -> None:
        self.letters.append((subject, raw, headers, reason))

    def expire(self, keep_buffered_seconds: float, keep_ids_seconds: float, limit: int) -> int:
        routed = [(key, row) for key, row in self.events.items() if row.routed_at]
        faded = [row for _, row in routed if not row.gone and self._older(row, keep_buffered_seconds)][:limit]
        forgotten = [key for key, row in routed if self._older(row, keep_ids_seconds)][:limit]
        for row in faded:
            row.gone = True
        for key in forgotten:
            del self.events[key]
        return len(faded) + len(forgotten)

    # --- looking ---------------------------------------------------------------------------------------------------

    def found_by_route(self, kept: Sequence[Kept]) -> list[tuple[BusEvent, frozenset[str], list[str]]]:
        """Each event with what it is correlated by, and the runs that wait for it."""
        found = []
        for item in kept:
            keys = correlations(item.event, item.awaited)
            addresses = _addresses(item.event, keys)
            runs = {row.run_id for row in self._waiting(item.event.tenant) if row.wait.address in addresses}
            found.append((item.event, frozenset(keys.values()), sorted(runs)))
        return found

    def found_by_look(self, run_id: str, waits: Sequence[Wait]) -> tuple[list[WaitRow], Found]:
        rows = [row for wait in waits if (row := self.tables.waits.get((run_id, wait))) is not None]
        return rows, self._found(rows)

    def found_by_sweep(self, limit: int) -> tuple[list[WaitRow], Found]:
        old = self.tables.now() - timedelta(seconds=self.grace_seconds)
        rows = [row for row in self.tables.waits.values() if not row.looked and row.opened_at < old][:limit]
        return rows, self._found(rows)

    def unrouted(self, limit: int) -> list[Kept]:
        rows = [row for row in self.events.values() if row.routed_at is None and self._older(row, self.grace_seconds)]
        return [Kept(row.event, Receipt.UNROUTED, self._correlates(row.event)) for row in rows[:limit]]

    # --- writing ---------------------------------------------------------------------------------------------------

    def routed(self, found: Sequence[tuple[BusEvent, frozenset[str], list[str]]], lease_seconds: float) -> list[Work]:
        work: list[Work] = []
        for event, keys, runs in found:
            row = self.events[_key(event)]
            row.routed_at, row.correlations = self.tables.now(), keys
            row.gone = row.gone or not (runs or event.about or self._awaited(event))
            work += self._owe([(run_id, event) for run_id in runs], lease_seconds)
        return work

    def looked(self, seen: tuple[list[WaitRow], Found], lease_seconds: float) -> list[Work]:
        rows, found = seen
        for row in rows:
            row.looked = True
        return self._owe(found, lease_seconds)

    def _owe(self, found: Found, lease_seconds: float) -> list[Work]:
        return [work for run_id, event in found if (work := self._owed(run_id, event, lease_seconds)) is not None]

    def _owed(self, run_id: str, event: BusEvent, lease_seconds: float) -> Work | None:
        """None when the run is owed this event already."""
        name = hashlib.sha256(f"{event.source}\n{event.id}".encode()).hexdigest()[:32]
        owed = Owed(f"deliver/{name}", "", 0, Deliver.__name__, 1)
        if (run_id, owed.id) in self.tables.effects:
            return None
        known = self.events[_key(event)].event
        request, now = orjson.dumps({"source": event.source, "event_id": event.id}), self.tables.now()
        row = EffectRow(run_id, event.tenant, owed, request, now, now + timedelta(seconds=lease_seconds), known.trace)
        self.tables.effects[run_id, owed.id] = row
        return row.work

    # --- matching --------------------------------------------------------------------------------------------------

    def _found(self, rows: Iterable[WaitRow]) -> Found:
        found = {
            (row.run_id, *_key(known.event)): known.event
            for row in rows
            for known in self.events.values()
            if not known.gone and known.received_at >= self._started(row) and _meets(row, known)
        }
        return [(key[0], event) for key, event in found.items()]

    def _started(self, row: WaitRow) -> datetime:
        started = self.tables.runs[row.run_id].started_at
        assert started is not None
        return started

    def _waiting(self, workspace_id: str) -> list[WaitRow]:
        return [row for row in self.tables.waits.values() if row.workspace_id == workspace_id]

    def _older(self, row: EventRow, seconds: float) -> bool:
        return row.received_at < self.tables.now() - timedelta(seconds=seconds)

    def _awaited(self, event: BusEvent) -> bool:
        return any(matches(pattern, event.type) for pattern, _ in self._patterns(event.tenant))

    def _correlates(self, event: BusEvent) -> tuple[Correlate, ...]:
        found = {
            Correlate(pattern, told)
            for pattern, told in self._patterns(event.tenant)
            if told and matches(pattern, event.type)
        }
        return tuple(sorted(found))

    def _patterns(self, workspace_id: str) -> list[tuple[str, str]]:
        """What published versions wait for, each with the expression that tells the events apart, if any."""
        mine = (version for version in self.tables.versions.values() if version.workspace_id == workspace_id)
        return [found for version in mine for found in _awaits(version)]


def _awaits(version: Version) -> list[tuple[str, str]]:
    return [
        (step.event_type_pattern or ">", step.config.get("correlate", {}).get("event", ""))
        for step in version.steps
        if step.step_type is StepType.WAIT_FOR_EVENT and (step.event_type_pattern or step.event_subject_pattern)
    ]


def _key(event: BusEvent) -> Key:
    return event.tenant, event.source, event.id


def _said(event: BusEvent) -> BusEvent:
    """Where it was published and in which trace does not count."""
    return replace(event, bus_subject="", trace="")


def _as_first(event: BusEvent, first: Kept) -> Kept:
    same = _said(event) == _said(first.event)
    return replace(first, event=event, fate=first.fate if same else Receipt.CLASH)


def _addresses(event: BusEvent, keys: Mapping[Correlate, str]) -> set[str]:
    found = {f"event:{pattern}" for pattern in generalizations(event.type)}
    found |= {f"event:{correlate.pattern}#{key}" for correlate, key in keys.items()}
    return found | ({topic(event)} if event.about else set())


def _meets(row: WaitRow, known: EventRow) -> bool:
    kind, _, rest = row.wait.address.partition(":")
    if kind != "event":
        return topic(known.event) == row.wait.address
    pattern, _, correlation = rest.partition("#")
    if not matches(pattern, known.event.type):
        return False
    return not correlation or known.routed_at is None or correlation in known.correlations
