"""Puts two versions of a definition side by side, one of which may be a draft, with the runs that go on.

A draft is looked over as if it were published, since only a sound graph can be compared. Called by the servicer of
definitions for DiffVersions.
"""

from service.domain.definition import Definition, Version
from service.domain.difference import Comparison, difference
from service.domain.errors import not_found
from service.edge.definitions.calls import Definitions
from service.edge.definitions.requests import Diff
from service.edge.wire.checks import refusal
from service.edge.workflows.inspector import Inspector
from service.edge.workflows.version_requests import Draft


class Comparing:
    def __init__(self, definitions: Definitions, inspector: Inspector) -> None:
        self._definitions = definitions
        self._inspector = inspector

    async def compare(self, wanted: Diff, visible: str | None) -> Comparison:
        """Raises Refusal: what is not there, and everything that is wrong with a draft."""
        definition = await self._definitions.get(wanted.definition_id, visible)
        if definition is None:
            raise not_found("definition", wanted.definition_id)
        before = await self._before(definition, wanted, visible)
        after = await self._after(definition, wanted.after, visible)
        return Comparison(
            before=before.version if before else 0,
            after=after,
            difference=difference(before, after),
            trigger_moves=after.version in (0, definition.latest_version),
            open_runs=await self._definitions.open_runs(definition.id, visible),
        )

    async def _before(self, definition: Definition, wanted: Diff, visible: str | None) -> Version | None:
        first = isinstance(wanted.after, Draft) and not definition.latest_version and not wanted.before
        return None if first else await self._version(definition, wanted.before, visible)

    async def _after(self, definition: Definition, wanted: int | Draft, visible: str | None) -> Version:
        if not isinstance(wanted, Draft):
            return await self._version(definition, wanted, visible)
        findings = await self._inspector.inspect(wanted)
        if findings.problems:
            raise refusal([problem.within("draft") for problem in findings.problems])
        return wanted.version

    async def _version(self, definition: Definition, number: int, visible: str | None) -> Version:
        number = definition.numbered(number)
        found = await self._definitions.version(definition.id, number, visible)
        if found is None:
            raise not_found("version", f"{definition.id}/{number}")
        return found
