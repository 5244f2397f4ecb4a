"""What operators do with events: dead letters kept or discarded, events looked up, changes published again.

Reading is done under the role that sees one workspace only, so what is foreign does not exist. To publish a change
again is to take its mark off: the relay then finds it like one that was never published. All of a stream goes in one
statement, so that the relay never sees a later change of it without the earlier ones.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from service.domain.dead_letters import DeadLetter, LetterFilter, OpenedLetter, Replayed, ReplayOutcome
from service.domain.paging import Page
from service.domain.received_events import EventFilter, EventKey, EventState, HeardEvent, OpenedEvent
from service.domain.republishing import Republishing
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import optional, page_of
from service.store.decision import SHARDS, shard_of
from service.store.pool import Pool, Row
from service.store.queries import query

_LETTER_COLUMNS = 9


class Operators:
    """Constructed with a pool of the engine's role. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def replayed(self, letter_id: int, outcome: ReplayOutcome, reason: str) -> DeadLetter | None:
        """Notes what became of a letter; None when it is gone."""
        rows = await self._pool.write(query("letter_replayed"), (letter_id, outcome.value, reason))
        return _letter(rows[0]) if rows else None

    async def discard(self, letter_id: int, visible: str | None) -> bool:
        """False when there is no such letter."""
        return bool(await self._pool.write(query("letter_discard"), (letter_id, visible or EVERY_WORKSPACE)))

    async def republish(self, chosen: Republishing) -> int:
        """Gives how many changes go out again. One trip per shard: what was done before an error stays done."""
        counts = [await self._unmark(shard, chosen) for shard in _shards(chosen)]
        return sum(counts)

    async def _unmark(self, shard: int, chosen: Republishing) -> int:
        [(count,)] = await self._pool.write(query("changes_republish"), (shard, *_filters(chosen)))
        return int(count)


class OperatorReads:
    """Constructed with a pool of the reader's role. Every method is one trip; raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def letters(self, chosen: LetterFilter, limit: int, offset: int) -> Page[DeadLetter]:
        """Those that came last first."""
        workspace = chosen.workspace_id or EVERY_WORKSPACE
        params = (workspace, chosen.reason, chosen.since, limit, offset)
        rows = await self._pool.read_as(workspace, query("letters_list"), params)
        return page_of(rows, _letter)

    async def letter(self, letter_id: int, visible: str | None) -> OpenedLetter | None:
        rows = await self._pool.read_as(visible or EVERY_WORKSPACE, query("letter_get"), (letter_id,))
        return _opened_letter(rows[0]) if rows else None

    async def events(self, chosen: EventFilter, limit: int, offset: int) -> Page[HeardEvent]:
        """Those that came last first; the total counts to 10,000."""
        state = chosen.state.value if chosen.state else ""
        params = (chosen.workspace_id, chosen.type_prefix, state, chosen.since, limit, offset)
        rows = await self._pool.read_as(chosen.workspace_id, query("events_list"), params)
        return page_of(rows, _event)

    async def event(self, key: EventKey) -> OpenedEvent | None:
        rows = await self._pool.read_as(key.workspace_id, query("event_open"), (key.workspace_id, key.source, key.id))
        return _opened_event(rows[0]) if rows else None

    async def routed(self, key: EventKey) -> bool:
        """Whether that event was heard before, and whoever waited for it was found."""
        params = (key.workspace_id, key.source, key.id)
        rows = await self._pool.read_as(key.workspace_id, query("event_routed"), params)
        return rows == [(True,)]

    async def republishable(self, chosen: Republishing) -> int:
        """How many changes `republish` would publish now."""
        workspace = chosen.workspace_id or EVERY_WORKSPACE
        rows = await self._pool.read_as(workspace, query("changes_republishable"), _filters(chosen))
        return int(rows[0][0])


def _shards(chosen: Republishing) -> Iterable[int]:
    return [shard_of(chosen.run_id)] if chosen.run_id else range(SHARDS)


def _filters(chosen: Republishing) -> tuple[datetime, str, str, str]:
    return chosen.since, chosen.workspace_id or EVERY_WORKSPACE, chosen.definition_id, chosen.run_id


def _letter(row: Sequence[Any]) -> DeadLetter:
    letter_id, workspace_id, bus_subject, reason, received_at, size, replayed_at, outcome, still = row
    replayed = Replayed(replayed_at, ReplayOutcome(outcome), still) if replayed_at else None
    return DeadLetter(letter_id, workspace_id, bus_subject, reason, received_at, size, replayed)


def _opened_letter(row: Row) -> OpenedLetter:
    headers, body = row[_LETTER_COLUMNS:]
    return OpenedLetter(_letter(row[:_LETTER_COLUMNS]), headers, body)


def _event(row: Sequence[Any]) -> HeardEvent:
    workspace_id, source, event_id, type_, subject, bus_subject, received_at, routed_at, state = row
    key = EventKey(workspace_id, source, event_id)
    return HeardEvent(key, type_, subject, bus_subject, received_at, routed_at, EventState(state))


def _opened_event(row: Row) -> OpenedEvent:
    *event, time, payload = row
    return OpenedEvent(_event(event), optional(datetime.fromisoformat, time), payload)
