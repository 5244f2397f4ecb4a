"""What the shell offers after a Tab: names and ids that the server knows, where it answers at once.

Completing must never be in the way: whatever goes wrong, and a server that takes longer than a second, offers nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import typer

from service.console.session import Session
from service.console.settings import Settings

SECONDS = 1.0
_MOST = 50

Offer = Iterable[str | tuple[str, str]]


def definitions(context: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    def look(session: Session) -> Offer:
        page = session.ask("ListDefinitions", workspace_id=session.workspace, limit=500)
        return ((each.name, each.description or each.id) for each in page.definitions)

    return _offered(context, incomplete, look)


def runs(context: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    def look(session: Session) -> Offer:
        from service.console.show import age, word

        page = session.ask("ListRuns", workspace_id=session.workspace, limit=_MOST)
        return ((each.id, f"{word(each, 'state')} {age(each, 'started_at')}") for each in page.runs)

    return _offered(context, incomplete, look)


def tasks(context: typer.Context, incomplete: str) -> list[str | tuple[str, str]]:
    def look(session: Session) -> Offer:
        page = session.ask("ListTasks", workspace_id=session.workspace, limit=_MOST)
        return ((each.id, each.title) for each in page.tasks)

    return _offered(context, incomplete, look)


def _offered(context: typer.Context, incomplete: str, look: Callable[[Session], Offer]) -> list[str | tuple[str, str]]:
    try:
        with Session(_settings(context), tries=1) as session:
            return list(_beginning(look(session), incomplete))
    except Exception:  # a broken server must not break a Tab
        return []


def _beginning(found: Offer, incomplete: str) -> Iterator[str | tuple[str, str]]:
    for each in found:
        if (each if isinstance(each, str) else each[0]).startswith(incomplete):
            yield each


def _settings(context: typer.Context) -> Settings:
    """While completing, no command has run: the options are in the contexts' parameters."""
    said: dict[str, Any] = {}
    at: Any = context
    while at is not None:
        said = {name.removeprefix("shared_"): value for name, value in at.params.items() if value} | said
        at = at.parent
    known = {
        name: said[name]
        for name in ("address", "token", "token_file", "ca", "cert", "key", "workspace")
        if name in said
    }
    return Settings(**known, timeout=SECONDS)
