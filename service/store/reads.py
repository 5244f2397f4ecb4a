"""What the edge shows, read under the role that sees one workspace only.

`visible` is that workspace, None every one (open mode). What is foreign does not exist: row-level security hides it
from the statement itself, so no filter that was forgotten can show it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service.domain.definition import Definition, StepType, Version
from service.domain.difference import OpenRuns
from service.domain.paging import Page
from service.domain.run_search import RunFilter
from service.domain.state import Run
from service.domain.workspaces import EVERY_WORKSPACE
from service.store.codec import RUN_COLUMNS, page_of, run_of, steps_of, tasks_of
from service.store.graph import definition_of, version_of
from service.store.pool import Pool, Row
from service.store.queries import query

_NEVER = 0  # the versions of stored runs begin with 1
_VERSION = RUN_COLUMNS.index("version")
_HIDDEN: dict[str, Any] = {"input_payload": {}, "output_payload": {}, "evidence": {}}


class Reads:
    """Constructed with a pool of the reader's role. Every method is one trip."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run(self, run_id: str, visible: str | None, known: Run | None = None) -> Run | None:
        """`known` is the run as the caller remembers it: what has not changed since is that again, and is not read."""
        rows = await self._read(visible, "run_get", run_id, known.version if known else _NEVER)
        if known and rows and rows[0][_VERSION] == known.version:
            return known
        return _whole(rows[0]) if rows else None

    async def runs(self, chosen: RunFilter, limit: int, offset: int) -> Page[Run]:
        """Newest first; steps come without their payloads, items and tasks not at all."""
        rows = await self._read(
            chosen.workspace_id,
            "runs_list",
            chosen.workspace_id or EVERY_WORKSPACE,
            chosen.definition_id,
            chosen.state.value if chosen.state else "",
            chosen.entity_id,
            chosen.initiator_agent_id,
            limit,
            offset,
        )
        return page_of(rows, _listed)

    async def definition(self, definition_id: str, visible: str | None) -> Definition | None:
        rows = await self._read(visible, "definition_get", definition_id)
        return definition_of(rows[0]) if rows else None

    async def definitions(self, workspace_id: str | None, tag: str, limit: int, offset: int) -> Page[Definition]:
        """Newest first; an empty tag matches all."""
        workspace = workspace_id or EVERY_WORKSPACE
        rows = await self._read(workspace_id, "definitions_list", workspace, tag, limit, offset)
        return page_of(rows, definition_of)

    async def versions(self, definition_id: str, visible: str | None) -> Sequence[Version] | None:
        """Newest first; None when there is no such definition."""
        rows = await self._read(visible, "versions_list", definition_id)
        if not rows:
            return None
        return [version_of(row) for row in rows if row[0] is not None]

    async def version(self, definition_id: str, number: int, visible: str | None) -> Version | None:
        rows = await self._read(visible, "version_read", definition_id, number)
        return version_of(rows[0]) if rows else None

    async def open_runs(self, definition_id: str, visible: str | None) -> Sequence[OpenRuns]:
        """The runs that have not ended, by their version, newest first."""
        rows = await self._read(visible, "runs_open", definition_id)
        return [OpenRuns(version, runs, _step_types(steps)) for version, runs, steps in rows]

    async def _read(self, visible: str | None, name: str, *params: object) -> list[Row]:
        return await self._pool.read_as(visible or EVERY_WORKSPACE, query(name), params)


def _step_types(column: Mapping[str, str]) -> dict[str, StepType]:
    return {step_id: StepType(kind) for step_id, kind in column.items()}


def _whole(row: Row) -> Run:
    *columns, steps, items, tasks = row
    return run_of(columns, steps=steps_of(steps), items=steps_of(items), tasks=tasks_of(tasks))


def _listed(row: Row) -> Run:
    *columns, steps = row
    return run_of(columns, steps=steps_of([{**step, **_HIDDEN} for step in steps or ()]))
