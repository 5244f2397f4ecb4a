"""What the shell offers after a Tab: names and ids that the server knows, where it answers at once.

Completing must never be in the way: whatever goes wrong, and a server that takes longer than a second, offers nothing.

Names come from other people, and shells treat what is offered as words of the command line; zsh even evaluates them. So
nothing is offered that could mean something to a shell: a name that could gives way to the id.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import typer

from service.console.session import Session
from service.console.settings import Settings

SECONDS = 1.0
_MOST = 50
_HARMLESS = re.compile(r"\w[\w .,@/+-]*")
_NOT_HARMLESS = re.compile(r"[^\w .,@/+-]+")

Offer: TypeAlias = Iterable[tuple[str, str]]
"""Words, each with what helps to choose it."""


def definitions(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    def look(session: Session) -> Offer:
        page = session.ask("ListDefinitions", workspace_id=session.workspace, limit=500)
        for each in page.definitions:
            if _HARMLESS.fullmatch(each.name):
                yield each.name, each.description or each.id
            else:
                yield each.id, each.name

    return _offered(context, incomplete, look)


def runs(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    def look(session: Session) -> Offer:
        from service.console.show import age, word

        page = session.ask("ListRuns", workspace_id=session.workspace, limit=_MOST)
        return ((each.id, f"{word(each, 'state')} {age(each, 'started_at')}") for each in page.runs)

    return _offered(context, incomplete, look)


def tasks(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    def look(session: Session) -> Offer:
        page = session.ask("ListTasks", workspace_id=session.workspace, limit=_MOST)
        return ((each.id, each.title) for each in page.tasks)

    return _offered(context, incomplete, look)


def _offered(context: typer.Context, incomplete: str, look: Callable[[Session], Offer]) -> list[tuple[str, str]]:
    try:
        with Session(_settings(context), tries=1) as session:
            return list(_beginning(look(session), incomplete))
    except Exception:  # a broken server must not break a Tab
        return []


def _beginning(found: Offer, incomplete: str) -> Iterator[tuple[str, str]]:
    """Also a hostile server's ids are only taken where they are harmless."""
    for word, about in found:
        if word.startswith(incomplete) and _HARMLESS.fullmatch(word):
            yield word, _NOT_HARMLESS.sub(" ", about)


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
