"""How events and dead letters look."""

from collections.abc import Sequence
from typing import Any

from service.console import json_answers, show
from service.console.show import Column

_LETTERS = (
    Column("letter", lambda each: str(each.id), keep=True, right=True),
    Column("reason", lambda each: each.reason, keep=True),
    Column("received", lambda each: show.age(each, "received_at")),
    Column("subject", lambda each: each.bus_subject),
    Column("bytes", lambda each: str(each.size), right=True),
    Column("replayed", lambda each: _outcome(each)),
    Column("workspace", lambda each: each.workspace_id),
)


def letters(found: Any, offset: int) -> None:
    show.table(_LETTERS, found.letters, "no dead letters")
    show.more(len(found.letters), offset, found.total)


def letter(found: Any) -> None:
    show.page(
        (
            ("letter", str(found.letter.id)),
            ("reason", found.letter.reason),
            ("received", show.when(found.letter, "received_at")),
            ("subject", found.letter.bus_subject),
            ("workspace", found.letter.workspace_id),
            ("replayed", _outcome(found.letter)),
            *sorted(found.headers.items()),
            (f"{found.letter.size} bytes", found.body.decode(errors="backslashreplace")),
        )
    )


def replayed(letters: Sequence[Any], as_json: bool) -> None:
    if as_json:
        json_answers.document({"letters": [json_answers.as_json(each) for each in letters]})
        return
    for each in letters:
        show.line(f"{each.id} {_outcome(each)}")


def events(found: Any, offset: int) -> None:
    show.table(
        (
            Column("id", lambda each: each.id, keep=True),
            Column("source", lambda each: each.source, keep=True),
            Column("type", lambda each: each.type),
            Column("state", lambda each: show.word(each, "state")),
            Column("received", lambda each: show.age(each, "received_at")),
            Column("subject", lambda each: each.subject),
        ),
        found.events,
        "no events",
    )
    show.more(len(found.events), offset, found.total)


def event(found: Any) -> None:
    told = found.event
    show.page(
        (
            ("event", told.id),
            ("source", told.source),
            ("type", told.type),
            ("subject", told.subject),
            ("bus subject", told.bus_subject),
            ("workspace", told.workspace_id),
            ("state", show.word(told, "state")),
            ("happened", show.when(found, "time")),
            ("received", show.when(told, "received_at")),
            ("routed", show.when(told, "routed_at")),
            ("payload", show.payload(found, "payload")),
        )
    )


def triggered(found: Any) -> None:
    for verb, runs in (("started", found.started_runs), ("moved", found.updated_runs)):
        for each in runs:
            show.line(f"{verb} {each.id} {show.word(each, 'state')}")
    if not (found.started_runs or found.updated_runs):
        show.line("nothing is started by it, and nothing waits for it")


def _outcome(letter: Any) -> str:
    reason = f" ({letter.outcome_reason})" if letter.outcome_reason else ""
    return show.word(letter, "outcome") + reason
