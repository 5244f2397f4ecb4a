"""Following a run: every change as it comes, across restarts of the server, until the run has ended.

A stream that is cut off is taken up after the last sequence that came, so nothing is shown twice and nothing is missed.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import typer

from service.console import json_answers, moments, run_views, show
from service.console.exits import RUN_FAILED, UNAVAILABLE, Failed
from service.console.session import Session

TRIES = 20
PAUSE_SECONDS = 0.5


def limit(at_most: str | None) -> float | None:
    """In seconds; None for no limit. Raises Failed (usage)."""
    return float(moments.seconds(at_most)) if at_most else None


def watch(session: Session, run_id: str, after: int) -> None:
    """Raises Failed."""
    for event in changes(session, run_id, after, None):
        if session.settings.json:
            json_answers.json_line(event)
        else:
            show.line(run_views.change(event))


def until_ended(session: Session, run_id: str, limit_seconds: float | None) -> None:
    """Shows progress on stderr and the run as the answer; leaves with RUN_FAILED unless it completed. Raises Failed."""
    with _progress(run_id, session.settings.json) as tell:
        for event in changes(session, run_id, 0, limit_seconds):
            tell(run_views.change(event))
    run = session.ask("GetRun", id=run_id).run
    session.answer(run, lambda: run_views.run(run, False, "", session.names([run.definition_id])))
    if show.word(run, "state") != "COMPLETED":
        raise typer.Exit(RUN_FAILED)


def changes(session: Session, run_id: str, after: int, limit_seconds: float | None) -> Iterator[Any]:
    """What happens to the run from there to its end. Raises Failed; in particular when it takes longer than allowed."""
    until = None if limit_seconds is None else time.monotonic() + limit_seconds
    tries = 0
    while True:
        try:
            for answer in session.stream("WatchRun", _left(until), run_id=run_id, after_sequence=after):
                after, tries = answer.event.sequence, 0
                yield answer.event
            return
        except Failed as failed:
            tries += 1
            if failed.about.get("status") == "DEADLINE_EXCEEDED" and until is not None:
                raise Failed(
                    f"run {run_id} still goes on", UNAVAILABLE, ["`workflows runs explain` says why"]
                ) from None
            if not failed.about.get("try_again") or tries > TRIES:
                raise
            time.sleep(PAUSE_SECONDS)


def _left(until: float | None) -> float | None:
    return None if until is None else max(until - time.monotonic(), 0.001)


@contextmanager
def _progress(run_id: str, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Takes lines; at a terminal something moves below them."""
    if quiet:
        yield lambda line: None
        return
    screen = show.console(sys.stderr)
    screen.print(f"run {run_id}")
    with screen.status("waiting for its end") if screen.is_terminal else nullcontext():
        yield lambda line: screen.print(show.plain(line), soft_wrap=True)
