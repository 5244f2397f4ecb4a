"""Definitions, found by what a step, a schedule or a trigger says of them."""

from typing import Protocol

from service.domain.definition import Definition


class Catalogue(Protocol):
    async def find(self, workspace_id: str, definition_id: str, name: str) -> Definition | None:
        """The definition of that id, or of that name when the id is empty, within the workspace."""
        ...
