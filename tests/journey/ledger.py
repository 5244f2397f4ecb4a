"""What a database says of a whole play: told by itself when something moves, whatever has become of the bus.

Every change, routed event and settled delivery notifies; whoever waits looks again then. Watches one database.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from tests.journey.rough_courier import AGAIN
from tests.world import PATIENCE_SECONDS

Owner = psycopg.AsyncConnection[tuple[Any, ...]]

MOVES = """
create function tell_move() returns trigger security definer language plpgsql
    as 'begin perform pg_notify(''moves'', ''''); return null; end';
create trigger told after insert on changes for each statement execute function tell_move();
create trigger told after update on bus_events for each statement execute function tell_move();
create trigger told after update on schedules for each statement execute function tell_move();
create trigger told after delete on run_effects for each statement execute function tell_move();
create trigger told after insert or update or delete on trigger_deliveries
    for each statement execute function tell_move();
"""
_VARIES = re.compile(
    r"[a-z]+_[0-9a-f]{8}-[0-9a-f-]{27}(\.\d+)?|\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)"
)


@dataclass
class Ledger:
    eye: Owner
    ear: Owner

    async def ask(self, query: LiteralString, *params: object) -> list[tuple[Any, ...]]:
        return await (await self.eye.execute(query, params)).fetchall()

    async def count(self, query: LiteralString, *params: object) -> int:
        [(found,)] = await self.ask(query, *params)
        return int(found)

    async def until(self, query: LiteralString, wanted: int, *params: object) -> None:
        """Until the query counts just as many."""
        await self._until(lambda found: found == wanted, query, wanted, *params)

    async def until_at_least(self, query: LiteralString, wanted: int, *params: object) -> None:
        await self._until(lambda found: found >= wanted, query, wanted, *params)

    async def _until(self, holds: Callable[[int], bool], query: LiteralString, wanted: int, *params: object) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not holds(await self.count(query, *params)):
                    async for _ in self.ear.notifies(stop_after=1):
                        pass
        except TimeoutError:
            raise AssertionError(f"{await self.count(query, *params)}, not {wanted}: {query}") from None

    async def sequences(self) -> dict[str, list[int]]:
        """The numbers of the changes of every run and definition that were to be published."""
        rows = await self.ask(
            "select stream_id, array_agg(sequence order by sequence) from changes where sequence > 0 group by 1"
        )
        return dict(rows)


@asynccontextmanager
async def ledger(dsn: str) -> AsyncIterator[Ledger]:
    connect = psycopg.AsyncConnection.connect
    async with await connect(dsn, autocommit=True) as eye, await connect(dsn, autocommit=True) as ear:
        await eye.execute(MOVES)
        await ear.execute("listen moves")
        yield Ledger(eye, ear)


def scrubbed(told: Any) -> Any:
    """Without our own ids and the times, which no two plays have in common, and whichever id an event came under."""
    if isinstance(told, str):
        return _VARIES.sub("*", told.removesuffix(AGAIN))
    if isinstance(told, Mapping):
        return {key: scrubbed(value) for key, value in told.items()}
    return [scrubbed(value) for value in told] if isinstance(told, list) else told
