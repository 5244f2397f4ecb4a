"""Runs behind their fence: the engine's RunStore.

An apply is one statement and one transaction. It updates the run where its version is the one that was read, and only
while every effect that it answers is still held under its token; all other rows are written from that update, so a miss
writes nothing at all. A start has no row to fence on: inserting its start key is the fence.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from service.domain.decision import Decision, Seen
from service.domain.definition import Version
from service.domain.effects import Owed
from service.domain.state import Run
from service.engine.ports import Applied, Snapshot, StaleRun, Started, StartKey
from service.store.codec import run_of, steps_of, text
from service.store.decision import Document
from service.store.graph import version_of
from service.store.history import Change, fold
from service.store.pool import Pool, Row
from service.store.queries import joined, query


class Runs:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, run_id: str, causes: Sequence[str] = (), effects: Sequence[Owed] = ()) -> Snapshot | None:
        """The run and its steps, which causes it has seen and which effects are still held; None when unknown."""
        ids, tokens = [effect.id for effect in effects], [effect.token for effect in effects]
        rows = await self._pool.read(query("run_load"), (run_id, list(causes), ids, tokens))
        return _snapshot(rows[0]) if rows else None

    async def apply(self, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float) -> Applied:
        """Writes one decision, all or nothing; its effects are leased to the caller with token 1.

        `requests` has the bytes of every owed effect. Raises StaleRun when the fence missed, StoreUnavailable.
        """
        if decision.before is None:
            raise ValueError("a run that is not there yet is started, not applied")
        document = Document(decision, requests, lease_seconds)
        held = "apply_held" if document.holds else "apply_free"
        statement = joined((held, "apply_fence", *document.arms), "apply_done")
        rows = await self._write(statement, (decision.run.id, decision.before.version, document.text()))
        if not rows:
            raise StaleRun(decision.run.id)
        now, version = rows[0]
        return Applied(version, now)

    async def start(
        self, key: StartKey, decision: Decision, requests: Mapping[str, bytes], lease_seconds: float
    ) -> Started:
        """Writes a new run once per key, with version 1. When the key was used: one more trip to read the winner."""
        document = Document(decision, requests, lease_seconds)
        statement = joined(("start_key", "start_fence", *document.arms), "apply_done")
        run = decision.run
        rows = await self._write(statement, (run.id, _key_row(key, run.sequence), document.text()))
        if rows:
            return Started(run.id, key.digest, True, run.sequence, rows[0][0])
        return await self._winner(key)

    async def version(self, definition_id: str, number: int) -> Version | None:
        rows = await self._pool.read(query("version_get"), (definition_id, number))
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

    async def _write(self, statement: bytes, params: Sequence[object]) -> list[Row]:
        """A cause, a sequence or a step that is there already means that somebody was faster."""
        try:
            return await self._pool.write(statement, params)
        except psycopg.errors.UniqueViolation as error:
            raise StaleRun(error.diag.constraint_name) from error

    async def _winner(self, key: StartKey) -> Started:
        rows = await self._pool.read(query("start_winner"), (key.workspace_id, key.scope, key.key))
        if not rows:
            raise StaleRun("the start key has just expired")
        now, run_id, digest, sequence = rows[0]
        return Started(run_id, digest, False, sequence, now)


def _key_row(key: StartKey, sequence: int) -> str:
    return text(
        {
            "workspace_id": key.workspace_id,
            "scope": key.scope,
            "key": key.key,
            "digest": key.digest,
            "sequence": sequence,
        }
    )


def _snapshot(row: Row) -> Snapshot:
    now, *columns, steps, seen, held = row
    return Snapshot(run_of(columns, steps_of(steps)), now, _seen(seen), frozenset(held or ()))


def _seen(causes: Mapping[str, Any] | None) -> dict[str, Seen]:
    return {cause: Seen(bytes.fromhex(digest), sequence) for cause, (digest, sequence) in (causes or {}).items()}
