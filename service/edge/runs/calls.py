"""What operators ask about runs, answered from the state, its version and the history.

Explaining takes two looks, at the run and at what it owes; a call that is answered between them is at worst told of
once more. Pictures are drawn beside the event loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from service.domain.explain import Explanation, Tried, explain
from service.domain.picture import Format, picture_of_run
from service.domain.run_history import EventPage, History, RunAudit
from service.domain.run_search import FoundRuns, RunSearch
from service.domain.state import Run
from service.engine.plans import Plans


class Inquiries(Protocol):
    """None when there is no such run."""

    async def explain(self, run_id: str, visible: str | None) -> Explanation | None: ...

    async def history(
        self, run_id: str, after: int, after_audit: int, limit: int, visible: str | None
    ) -> History | None: ...

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None: ...

    async def picture(self, run_id: str, wanted: Format, visible: str | None) -> str | None: ...

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns: ...


class Reads(Protocol):
    """Reading a run, seeing only what the workspace may see."""

    async def run(self, run_id: str, visible: str | None) -> Run | None: ...


class RunReads(Protocol):
    """Reading what is beside it; see `store.run_reads`."""

    async def owed(self, run_id: str, visible: str | None) -> Sequence[Tried]: ...

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None: ...

    async def audits(self, run_id: str, after: int, limit: int, visible: str | None) -> Sequence[RunAudit]: ...

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns: ...


class EngineInquiries:
    """`now` is the database's clock, as far as this process knows it."""

    def __init__(self, reads: Reads, run_reads: RunReads, plans: Plans, now: Callable[[], datetime]) -> None:
        self._reads = reads
        self._run_reads = run_reads
        self._plans = plans
        self._now = now

    async def explain(self, run_id: str, visible: str | None) -> Explanation | None:
        run = await self._reads.run(run_id, visible)
        if run is None:
            return None
        plan = await self._plans.of(run)
        owed = await self._run_reads.owed(run_id, visible)
        return Explanation(run, explain(plan, run, owed, self._now()), owed)

    async def picture(self, run_id: str, wanted: Format, visible: str | None) -> str | None:
        run = await self._reads.run(run_id, visible)
        if run is None:
            return None
        plan = await self._plans.of(run)
        return await asyncio.to_thread(picture_of_run, plan, run, self._now(), wanted)

    async def history(
        self, run_id: str, after: int, after_audit: int, limit: int, visible: str | None
    ) -> History | None:
        page = await self._run_reads.events(run_id, after, limit, visible)
        if page is None:
            return None
        return History(page.events, await self._run_reads.audits(run_id, after_audit, limit, visible))

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None:
        return await self._run_reads.events(run_id, after, limit, visible)

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns:
        return await self._run_reads.search(wanted, limit)
