"""The same control for many runs: first how many, then (when that was agreed to) one page after the other.

Every page is a call under a key of its own, made of the command's, so the whole command can be repeated.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import typer

from service.console import asking, json_answers, run_search, show
from service.console.exits import FAILED
from service.console.run_search import Many
from service.console.session import Session
from service.console.show import Column

_PAGE = 100


def control(session: Session, how: Many) -> None:
    """Leaves with FAILED when some were refused. Raises Failed."""
    does = how.word.lower()
    wanted: dict[str, Any] = {"control": f"RUN_CONTROL_{how.word}", "reason": how.reason, "at_most": how.at_most}
    chosen = run_search.filters(session, how.where or ())
    preview = session.ask("ControlRuns", filter={**_said(chosen), "page_size": _PAGE}, **wanted, dry_run=True)
    if how.dry_run:
        session.answer(preview, lambda: _previewed(preview, does))
        return
    if preview.matched:
        asking.sure(f"{does} {preview.matched} run{'s' * (preview.matched != 1)}", how.yes)
    results = list(_pages(session, chosen, wanted, how.key or str(uuid4()))) if preview.matched else []
    _told(session, results, how.word)


def _pages(session: Session, chosen: dict[str, Any], wanted: dict[str, Any], key: str) -> Iterator[Any]:
    token, number = "", 0
    while number == 0 or token:
        page = {**_said(chosen), "page_size": _PAGE, "page_token": token}
        found = session.change("ControlRuns", f"{key}/{number}", filter=page, **wanted)
        yield from found.results
        token, number = found.next_page_token, number + 1


def _said(chosen: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if value is not None}


def _previewed(preview: Any, does: str) -> None:
    show.table(
        (
            Column("run", lambda each: each.run_id, keep=True),
            Column("state", lambda each: show.word(each, "state"), keep=True),
        ),
        preview.results,
        "no runs",
    )
    some = f", of which these are the first {len(preview.results)}" if preview.next_page_token else ""
    show.say(f"{preview.matched} would be told to {does}{some}")


def _told(session: Session, results: Sequence[Any], word: str) -> None:
    outcomes = Counter(show.word(each, "outcome") for each in results)
    if session.settings.json:
        json_answers.document({"control": word, "results": [json_answers.as_json(each) for each in results]})
    else:
        show.table(_RESULTS, results, "no runs")
    if results and not session.settings.json:
        show.say(", ".join(f"{count} {outcome.lower()}" for outcome, count in sorted(outcomes.items())))
    if outcomes["REFUSED"]:
        raise typer.Exit(FAILED)


_RESULTS = (
    Column("run", lambda each: each.run_id, keep=True),
    Column("outcome", lambda each: show.word(each, "outcome"), keep=True),
    Column("state", lambda each: show.word(each, "state"), keep=True),
    Column("why", lambda each: each.message),
)
