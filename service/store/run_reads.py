"""What operators ask about runs, read under the role that sees one workspace only; as in `reads`, what is foreign does
not exist.

Nothing here holds a connection longer than one statement, so whoever watches a run for hours holds none between two
looks.
"""

from collections.abc import Sequence

from service.domain.bulk import Counted, Target
from service.domain.explain import Tried
from service.domain.run_history import EventPage, RunAudit, RunEvent
from service.domain.run_search import FoundRun, FoundRuns, RunSearch
from service.domain.state import RunState
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import run_of
from service.store.pool import Pool, Row
from service.store.queries import joined, query


class RunReads:
    """Constructed with a pool of the reader's role. Every method is one trip; raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def owed(self, run_id: str, visible: str | None) -> Sequence[Tried]:
        """The calls that the run owes, those tried most often first; at most 200."""
        return [Tried(*row) for row in await self._read(visible, "run_owed", run_id)]

    async def events(self, run_id: str, after: int, limit: int, visible: str | None) -> EventPage | None:
        """What happened after the sequence `after`; None when there is no such run."""
        rows = await self._read(visible, "run_events", run_id, after, limit)
        if not rows:
            return None
        return EventPage([RunEvent(*row[1:]) for row in rows if row[1] is not None], ended=rows[0][0])

    async def audits(self, run_id: str, after: int, limit: int, visible: str | None) -> Sequence[RunAudit]:
        return [RunAudit(*row) for row in await self._read(visible, "run_audits", run_id, after, limit)]

    async def search(self, wanted: RunSearch, limit: int) -> FoundRuns:
        rows = await self._matching(wanted, "runs_search", wanted.before_id, limit + 1)
        return FoundRuns([_found(row) for row in rows[:limit]], more=len(rows) > limit)

    async def count(self, wanted: RunSearch) -> Counted:
        """How many match, whatever page is asked for."""
        return Counted(*(await self._matching(wanted, "runs_count"))[0])

    async def oldest(self, wanted: RunSearch, after_id: str, last_id: str, limit: int) -> Sequence[Target]:
        """Those that match after the one id and up to the other, oldest first."""
        rows = await self._matching(wanted, "runs_targets", after_id, last_id, limit)
        return [Target(run_id, RunState(state), sequence) for run_id, state, sequence in rows]

    async def _matching(self, wanted: RunSearch, end: str, *rest: object) -> list[Row]:
        workspace = wanted.workspace_id or EVERY_WORKSPACE
        statement = joined(("runs_matching",), end)
        return await self._pool.read_as(workspace, statement, (*_filters(wanted), *rest))

    async def _read(self, visible: str | None, name: str, *params: object) -> list[Row]:
        return await self._pool.read_as(visible or EVERY_WORKSPACE, query(name), params)


def _found(row: Row) -> FoundRun:
    open_steps, *columns = row
    return FoundRun(run_of(columns, steps={}), tuple(open_steps))


def _filters(wanted: RunSearch) -> tuple[object, ...]:
    return (
        wanted.workspace_id or EVERY_WORKSPACE,
        wanted.definition_id,
        wanted.definition_version,
        [state.value for state in wanted.states],
        _ended(wanted),
        wanted.entity_id,
        wanted.entity_type,
        wanted.initiator_agent_id,
        wanted.initiator_user_id,
        wanted.parent_run_id,
        wanted.failure_reason,
        wanted.tag,
        wanted.started_from,
        wanted.started_before,
        wanted.step_id,
        [state.value for state in wanted.step_states],
    )


def _ended(wanted: RunSearch) -> bool | None:
    """Whether only ended runs can match, or only others: there is an index of those that have not ended."""
    ends = {state.terminal for state in wanted.states or RunState}
    if wanted.step_states and all(state.open for state in wanted.step_states):
        ends.discard(True)  # a run that has ended has no open step
    return ends.pop() if len(ends) == 1 else None
