"""Runs behind their fence: the engine's RunStore.

An apply updates the run where its version is the one that was read, and only while every effect that it answers is
still held under its token; all other rows are written from that update, so a miss writes nothing at all. A start has no
row to fence on: inserting its start key is the fence. Applies that wait at the same moment are one statement and one
transaction, each behind its own fence; an error is the business of the one that made it, so then each is sent alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import psycopg

from service.domain.decision import Decision, Seen
from service.domain.definition import Version
from service.domain.effects import Owed
from service.domain.start_keys import StartKey
from service.domain.state import Run
from service.engine.ports.failures import StaleRun
from service.engine.ports.runs import Applied, Snapshot, Started
from service.store.batches import Batches
from service.store.codec import run_of, steps_of, tasks_of
from service.store.decision import DecisionDocument, array, statement
from service.store.graph import version_of
from service.store.history import Change, fold
from service.store.pool import Pool, Row
from service.store.queries import query

LANES = 2
MOST = 16  # runs in one statement; measured, more gain nothing

Written: TypeAlias = tuple[datetime, int]
"""The database's clock and the run's new version."""


class Runs:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._applies: Batches[DecisionDocument, Written | None] = Batches(self._write, LANES, MOST)
        self._starts: Batches[DecisionDocument, Written | None] = Batches(self._write, LANES, MOST)

    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None:
        """The run with its steps, items and tasks, which causes it has seen and which effects are still held; None
        when unknown."""
        ids, tokens = [effect.id for effect in effects], [effect.token for effect in effects]
        rows = await self._pool.read(query("run_load"), (run_id, list(causes), ids, tokens))
        return _snapshot(rows[0]) if rows else None

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        """Writes one decision, all or nothing; its effects are leased to the caller with token 1, the delayed ones
        to nobody.

        `requests` has the bytes of every owed effect. Raises StaleRun when the fence missed, StoreUnavailable.
        """
        if decision.before is None:
            raise ValueError("a run that is not there yet is started, not applied")
        written = await self._applies.put(DecisionDocument(decision, requests, lease_seconds))
        if written is None:
            raise StaleRun(decision.run.id)
        now, version = written
        return Applied(version, now)

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started:
        """Writes a new run once per key, with version 1. When the key was used: one more trip to read the winner."""
        run = decision.run
        written = await self._starts.put(
            DecisionDocument(decision, requests, lease_seconds, _key_row(key, run.sequence))
        )
        if written is None:
            return await self._winner(key)
        now, _ = written
        return Started(run.id, key.digest, True, run.sequence, now)

    async def started(self, key: StartKey) -> Started | None:
        """What was started under the key before; None when nothing was."""
        rows = await self._pool.read(query("start_winner"), (key.workspace_id, key.scope, key.key))
        return _started(rows[0]) if rows else None

    async def tree(self, run_id: str, most: int) -> tuple[str, int]:
        """The first of its line of parents that is there, and how many runs have come from that one, itself included,
        counted up to `most`."""
        rows = await self._pool.read(query("run_tree"), (run_id, most))
        return (str(rows[0][0]), int(rows[0][1])) if rows else (run_id, 0)

    async def version(self, definition_id: str, number: int, schema_revision: int = 0) -> Version | None:
        """With that revision of its schemas beside it."""
        rows = await self._pool.read(query("version_get"), (definition_id, number, schema_revision))
        return version_of(rows[0]) if rows else None

    async def run_at(self, run_id: str, sequence: int) -> Run | None:
        """The run as it stood after that change, rebuilt from its history (version 0); None when unknown."""
        rows = await self._pool.read(query("run_history"), (run_id, sequence))
        return fold(Change(number, data) for number, data in rows)

    async def now(self) -> datetime:
        """The database's clock."""
        rows = await self._pool.read(query("clock"))
        moment: datetime = rows[0][0]
        return moment

    async def _write(self, documents: Sequence[DecisionDocument]) -> Sequence[Written | Exception | None]:
        """None where the fence did not hold. Raises StoreUnavailable."""
        ordered = sorted(documents, key=lambda document: document.order)  # two batches never wait for each other
        try:
            rows = await self._pool.write(statement(ordered), (array(ordered),))
        except psycopg.Error as error:
            if len(documents) == 1:
                return [_meaning(error)]
            return [answer for document in documents for answer in await self._write([document])]
        written = {ordered[number - 1]: (now, version) for number, now, version in rows}
        return [written.get(document) for document in documents]

    async def _winner(self, key: StartKey) -> Started:
        found = await self.started(key)
        if found is None:
            raise StaleRun("the start key has just expired")
        return found


def _started(row: Row) -> Started:
    now, run_id, digest, sequence = row
    return Started(run_id, digest, False, sequence, now)


def _meaning(error: psycopg.Error) -> Exception:
    """A cause, a sequence or a step that is there already means that somebody was faster."""
    return StaleRun(error.diag.constraint_name) if isinstance(error, psycopg.errors.UniqueViolation) else error


def _key_row(key: StartKey, sequence: int) -> dict[str, Any]:
    return {
        "workspace_id": key.workspace_id,
        "scope": key.scope,
        "key": key.key,
        "digest": key.digest,
        "sequence": sequence,
    }


def _snapshot(row: Row) -> Snapshot:
    now, *columns, steps, items, tasks, seen, held = row
    run = run_of(columns, steps=steps_of(steps), items=steps_of(items), tasks=tasks_of(tasks))
    return Snapshot(run, now, _seen(seen), frozenset(held or ()))


def _seen(causes: Mapping[str, Any] | None) -> dict[str, Seen]:
    return {cause: Seen(bytes.fromhex(digest), sequence) for cause, (digest, sequence) in (causes or {}).items()}
