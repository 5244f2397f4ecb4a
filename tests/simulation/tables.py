"""The tables of the simulated store: what one statement does to the rows of runs, all at once.

It means the same as `service/store` over PostgreSQL, and `test_conformance` holds the two together: an apply goes
through when the version is the one that was read and every answered effect is held under its token, or writes nothing.
Every commit is shown to `watchers`, who may look and object, but not write. The inbox has its own module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from service.domain.calls import STOPS
from service.domain.decision import Decision, Event, Guard, Seen, Wait
from service.domain.definition import Definition, Schemas, Version
from service.domain.effects import Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run, changed
from service.engine.ports.failures import StaleRun
from service.engine.ports.outbox import Unpublished
from service.engine.ports.runs import Applied, Snapshot, Started
from service.engine.ports.work import DueRun, Work
from service.store.codec import MOVING_COLUMNS
from service.store.decision import SHARDS, shard_of

EPOCH = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class EffectRow:
    run_id: str
    workspace_id: str
    owed: Owed
    request: bytes
    due_at: datetime
    lease_until: datetime | None = None
    trace: str = ""

    @property
    def free_at(self) -> datetime:
        return max(self.due_at, self.lease_until or self.due_at)

    @property
    def work(self) -> Work:
        return Work(self.run_id, self.workspace_id, self.owed, self.request, self.trace)


@dataclass(slots=True)
class ChangeRow:
    event: Event
    published: bool = False


@dataclass(slots=True)
class WaitRow:
    wait: Wait
    run_id: str
    workspace_id: str
    opened_at: datetime
    looked: bool = False


@dataclass(slots=True)
class KeyRow:
    run_id: str
    digest: bytes
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """A decision that has been written, and the row it was written over."""

    decision: Decision
    before: Run | None
    after: Run


@dataclass
class Tables:
    clock: Callable[[], float]
    """Seconds since EPOCH."""
    watchers: list[Callable[[Commit], None]] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    wake_at: dict[str, datetime] = field(default_factory=dict)
    effects: dict[tuple[str, str], EffectRow] = field(default_factory=dict)
    changes: dict[str, list[ChangeRow]] = field(default_factory=dict)
    waits: dict[tuple[str, Wait], WaitRow] = field(default_factory=dict)
    causes: dict[tuple[str, str], tuple[Seen, datetime]] = field(default_factory=dict)
    start_keys: dict[tuple[str, str, str], KeyRow] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    versions: dict[tuple[str, int], Version] = field(default_factory=dict)
    schemas: dict[tuple[str, int], tuple[Schemas, ...]] = field(default_factory=dict)
    replicas: dict[str, datetime] = field(default_factory=dict)
    shards: dict[int, tuple[str, datetime]] = field(default_factory=dict)

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.clock())

    # --- runs ------------------------------------------------------------------------------------------------------

    def load(self, run_id: str, causes: Sequence[str], effects: Sequence[Owed]) -> Snapshot | None:
        run = self.runs.get(run_id)
        if run is None:
            return None
        seen = {cause: self.causes[run_id, cause][0] for cause in causes if (run_id, cause) in self.causes}
        held = frozenset(effect.id for effect in effects if self._holds(run_id, effect))
        return Snapshot(run, self.now(), seen, held)

    def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        before = self.runs.get(decision.run.id)
        read = decision.before
        if before is None or read is None or before.version != read.version or not self._all_held(decision):
            raise StaleRun(decision.run.id)
        if any((before.id, guard.cause) in self.causes for guard in decision.guards):
            raise StaleRun("a cause is there already")
        after = changed(decision.run, version=before.version + 1)
        self._write(decision, after, requests, lease_seconds)
        self._show(Commit(decision, before, after))
        return Applied(after.version, self.now())

    def start(self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Started:
        if (winner := self.started(key)) is not None:
            return winner
        place = (key.workspace_id, key.scope, key.key)
        after = changed(decision.run, version=1)
        self.start_keys[place] = KeyRow(after.id, key.digest, after.sequence, self.now())
        self._write(decision, after, requests, lease_seconds)
        self._show(Commit(decision, None, after))
        return Started(after.id, key.digest, True, after.sequence, self.now())

    def started(self, key: StartKey) -> Started | None:
        winner = self.start_keys.get((key.workspace_id, key.scope, key.key))
        return Started(winner.run_id, winner.digest, False, winner.sequence, self.now()) if winner else None

    def tree(self, run_id: str, most: int) -> tuple[str, int]:
        root = self.runs[run_id]
        while root.parent_run_id in self.runs:
            root = self.runs[root.parent_run_id]
        found = [root.id]
        for parent in found:
            found += [run.id for run in self.runs.values() if run.parent_run_id == parent]
        return root.id, min(len(found), most)

    def run_at(self, run_id: str, sequence: int) -> Run | None:
        """Folds the history from the last change of the run itself."""
        run: Run | None = None
        for event in (row.event for row in self.changes.get(run_id, ())[:sequence]):
            run = _told(run, event)
        return run

    def _holds(self, run_id: str, effect: Owed) -> bool:
        row = self.effects.get((run_id, effect.id))
        return row is not None and row.owed.token == effect.token

    def _all_held(self, decision: Decision) -> bool:
        answered = [*decision.settled, *(late.effect for late in decision.postponed)]
        return all(self._holds(decision.run.id, effect) for effect in answered)

    def _show(self, commit: Commit) -> None:
        for watcher in self.watchers:
            watcher(commit)

    # --- the arms of an apply --------------------------------------------------------------------------------------

    def _write(self, decision: Decision, after: Run, requests: Mapping[str, bytes], lease_seconds: float) -> None:
        self.runs[after.id] = after
        self._wake(after)
        self._record(after.id, decision.events)
        self._owe(decision, requests, lease_seconds)
        self._answer(decision)
        self._wait(decision)
        self._guard(after, decision.guards)

    def _wake(self, run: Run) -> None:
        self.wake_at.pop(run.id, None)
        if (at := run.wake_at) is not None:
            self.wake_at[run.id] = at

    def _record(self, stream: str, events: Sequence[Event]) -> None:
        self.changes.setdefault(stream, []).extend(ChangeRow(event) for event in events)

    def _owe(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> None:
        now, run = self.now(), decision.run
        for effect in decision.owed:
            due = now + timedelta(seconds=effect.delay_seconds)
            token, until = (0, None) if effect.delay_seconds else (1, now + timedelta(seconds=lease_seconds))
            owed = Owed(effect.id, effect.step_id, effect.attempt, effect.kind, token)
            row = EffectRow(run.id, run.workspace_id, owed, requests[effect.id], due, until, effect.trace)
            self.effects.setdefault((run.id, effect.id), row)

    def _answer(self, decision: Decision) -> None:
        for effect in decision.settled:
            self.effects.pop((decision.run.id, effect.id), None)
        for late in decision.postponed:
            row = self.effects[decision.run.id, late.effect.id]
            row.owed = replace(row.owed, tries=row.owed.tries + 1)
            row.due_at, row.lease_until = self.now() + timedelta(seconds=late.delay_seconds), None

    def _wait(self, decision: Decision) -> None:
        run = decision.run
        for wait in decision.closed:
            self.waits.pop((run.id, wait), None)
        for wait in decision.opened:
            self.waits.setdefault((run.id, wait), WaitRow(wait, run.id, run.workspace_id, self.now()))

    def _guard(self, run: Run, guards: Sequence[Guard]) -> None:
        for guard in guards:
            self.causes[run.id, guard.cause] = (Seen(guard.digest, run.sequence), self.now())

    # --- owed and due ----------------------------------------------------------------------------------------------

    def claim_effects(self, limit: int, lease_seconds: float) -> list[Work]:
        return self._claim_of(list(self.effects.values()), limit, lease_seconds)

    def claim_stops(self, limit: int, lease_seconds: float) -> list[Work]:
        return self._claim_of([row for row in self.effects.values() if row.owed.kind in STOPS], limit, lease_seconds)

    def _claim_of(self, rows: list[EffectRow], limit: int, lease_seconds: float) -> list[Work]:
        now = self.now()
        due = sorted((row for row in rows if row.free_at <= now), key=lambda row: row.free_at)
        return [self._claim(row, now + timedelta(seconds=lease_seconds)) for row in due[:limit]]

    def _claim(self, row: EffectRow, until: datetime) -> Work:
        held_before = row.lease_until is not None
        row.owed, row.lease_until = replace(row.owed, token=row.owed.token + 1), until
        return replace(row.work, taken_over=held_before)

    def claim_due_runs(self, limit: int, lease_seconds: float) -> list[DueRun]:
        now = self.now()
        due = sorted((at, run_id) for run_id, at in self.wake_at.items() if at <= now)[:limit]
        for _, run_id in due:
            self.wake_at[run_id] = now + timedelta(seconds=lease_seconds)
        return [DueRun(run_id, self.changes[run_id][0].event.trace) for _, run_id in due]

    def drop_orphan(self, work: Work) -> bool:
        """Runs are not purged here."""
        return work.run_id not in self.runs and self.effects.pop((work.run_id, work.effect.id), None) is not None

    def expire_keys(self, keep_seconds: float, limit: int) -> int:
        old = self.now() - timedelta(seconds=keep_seconds)
        causes = [key for key, (_, at) in self.causes.items() if key[1].startswith("rpc:") and at < old][:limit]
        starts = [key for key, row in self.start_keys.items() if key[1].startswith("rpc:") and row.at < old][:limit]
        for cause in causes:
            del self.causes[cause]
        for start in starts:
            del self.start_keys[start]
        return len(causes) + len(starts)

    # --- definitions -----------------------------------------------------------------------------------------------

    def publish(self, version: Version, name: str = "") -> None:
        """A definition with this one version, or one version more."""
        made = version.created_at
        self.versions[version.definition_id, version.version] = version
        self.definitions[version.definition_id] = Definition(
            version.definition_id,
            version.workspace_id,
            name or version.definition_id,
            "",
            version.version,
            (),
            made,
            made,
        )

    def version(self, definition_id: str, number: int, schema_revision: int) -> Version | None:
        """With that revision of its schemas beside it."""
        found, schemas = self.versions.get((definition_id, number)), self.schemas.get((definition_id, number), ())
        return found and replace(found, schemas=schemas[schema_revision - 1] if schema_revision else Schemas())

    def set_schemas(self, definition_id: str, number: int, wanted: Schemas) -> None:
        """A revision more, which runs that start from now on are checked by."""
        known = self.schemas.get((definition_id, number), ())
        self.schemas[definition_id, number] = (*known, replace(wanted, revision=len(known) + 1))
        found = self.definitions[definition_id]
        revisions = {**found.schema_revisions, str(number): len(known) + 1}
        self.definitions[definition_id] = replace(found, schema_revisions=revisions)

    def find(self, workspace_id: str, definition_id: str, name: str) -> Definition | None:
        for found in self.definitions.values():
            known = found.id == definition_id if definition_id else found.name == name
            if known and found.workspace_id == workspace_id:
                return found
        return None

    # --- the outbox ------------------------------------------------------------------------------------------------

    def hold_shards(self, holder: str, lease_seconds: float) -> list[int]:
        now, until = self.now(), self.now() + timedelta(seconds=lease_seconds)
        others = sum(alive > now for name, alive in self.replicas.items() if name != holder)
        self.replicas = {name: alive for name, alive in self.replicas.items() if alive > now} | {holder: until}
        ranked = sorted((not self._mine(shard, holder, now), shard) for shard in self._free(holder, now))
        kept = [shard for _, shard in ranked[: -(-SHARDS // (1 + others))]]
        for _, shard in ranked:
            self.shards[shard] = (holder, until) if shard in kept else ("", EPOCH)
        return sorted(kept)

    def _free(self, holder: str, now: datetime) -> list[int]:
        return [shard for shard in range(SHARDS) if self._holder(shard)[0] == holder or self._holder(shard)[1] <= now]

    def _mine(self, shard: int, holder: str, now: datetime) -> bool:
        name, until = self._holder(shard)
        return name == holder and until > now

    def _holder(self, shard: int) -> tuple[str, datetime]:
        return self.shards.get(shard, ("", EPOCH))

    def unpublished(self, shards: Sequence[int], limit: int) -> list[Unpublished]:
        left = [
            (shard_of(stream), stream, row.event)
            for stream, rows in self.changes.items()
            for row in rows
            if not row.published
        ]
        each = -(-limit // len(shards)) if shards else 0
        return [
            _unpublished(stream, self.runs[stream], event)
            for shard in shards
            for _, stream, event in sorted(
                (found for found in left if found[0] == shard), key=lambda found: (found[1], found[2].sequence)
            )[:each]
        ]

    def mark_published(self, published: Sequence[tuple[str, int]]) -> None:
        for stream, sequence in published:
            self.changes[stream][sequence - 1].published = True


def _unpublished(stream: str, run: Run, event: Event) -> Unpublished:
    """Without what it says: bodies are nothing that the loops look at."""
    return Unpublished(
        stream,
        event.sequence,
        run.workspace_id,
        event.aggregate,
        event.operation,
        event.actor,
        event.cause,
        event.recorded_at,
        {},
        {},
        event.trace,
    )


def _told(run: Run | None, event: Event) -> Run:
    """What is known after this event to somebody who knows only events."""
    if event.step is None or run is None:
        return changed(event.run, version=0, items={}, tasks={})
    moved = {name: getattr(event.run, name) for name in (*MOVING_COLUMNS, "sequence")}
    return changed(run, steps={**run.steps, event.step.step_id: event.step}, **moved)
