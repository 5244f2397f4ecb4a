"""Runs by what is known of them, in words: `state=failed,paused definition="Outbound SDR" tag=sales from=2h`.

The same words find runs (`runs search`) and choose those that are changed together (`runs pause --where ...`).
"""

import shlex
from collections.abc import Iterable
from typing import Any, NamedTuple

from service.console import moments
from service.console.exits import USAGE, Failed
from service.console.session import Session

PLAIN = {
    "entity": "entity_id",
    "entity-type": "entity_type",
    "agent": "initiator_agent_id",
    "user": "initiator_user_id",
    "parent": "parent_run_id",
    "reason": "failure_reason",
    "tag": "tag",
    "step": "step_id",
}
WORDS = ("state", "definition", "version", *PLAIN, "step-state", "from", "before")
HELP = f"Words like state=failed,paused or from=2h: {', '.join(WORDS)}."


class Many(NamedTuple):
    """A control of all runs that were chosen, with all that was said of it."""

    word: str
    where: list[str] | None
    reason: str
    at_most: int
    dry_run: bool
    yes: bool
    key: str | None


def filters(session: Session, texts: Iterable[str]) -> dict[str, Any]:
    """The fields of SearchRunsRequest. Raises Failed (usage)."""
    found: dict[str, Any] = {"workspace_id": session.workspace}
    for word, value in _pairs(texts):
        for field, said in _fields(session, word, value).items():
            if field in found and field != "workspace_id":
                raise Failed(f"{word} is said twice", USAGE)
            found[field] = said
    return found


def _fields(session: Session, word: str, value: str) -> dict[str, Any]:
    from service.console import contract

    match word:
        case "state":
            return {"states": [contract.member("SearchRuns", "states", each) for each in value.split(",")]}
        case "step-state":
            return {"step_state": contract.member("SearchRuns", "step_state", value)}
        case "definition":
            return {"definition_id": session.definition_id(value)}
        case "version":
            return {"definition_version": number(word, value)}
        case "from":
            return {"started_from": moments.ago(value)}
        case "before":
            return {"started_before": moments.ago(value)}
        case _:
            return {PLAIN[word]: value}


def number(word: str, value: str) -> int:
    """Raises Failed (usage)."""
    if not value.isdecimal():
        raise Failed(f"{word} has to be a number", USAGE)
    return int(value)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for term in (term for text in texts for term in _split(text)):
        word, _, value = term.partition("=")
        if word not in WORDS:
            raise Failed(f"{word!r} is not known; {HELP[0].lower()}{HELP[1:]}", USAGE)
        if not value:
            raise Failed(f"{word} needs a value: {word}=...", USAGE)
        yield word, value


def _split(text: str) -> list[str]:
    """A single `word=value` may hold blanks as it is; several in one text are quoted as for a shell."""
    if text.count("=") == 1:
        return [text.strip()]
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Failed(f"{text!r} cannot be read: {error}", USAGE) from None
