"""`workflows doctor`: is everything here that the service needs, and does the server answer?

Looks with the settings that `workflows serve` would read, and asks the server at --address.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from service.console.command import command
from service.console.exits import FAILED
from service.console.session import Session

if TYPE_CHECKING:
    from service.domain.checkup import Check


class Area(StrEnum):
    CONFIGURATION = "configuration"
    DATABASE = "database"
    BUS = "bus"
    SIBLINGS = "siblings"
    SERVER = "server"


def add(app: typer.Typer) -> None:
    command(app, "doctor")(doctor)


def doctor(
    session: Session,
    only: Annotated[list[Area] | None, typer.Option(help="Look only at this; can be said several times.")] = None,
) -> None:
    """Check configuration, database, bus, siblings, clocks and the running server. Exit code 1 if something failed."""
    from service.console import json_answers, probe
    from service.doctor import examine
    from service.domain.checkup import CheckResult

    areas = only or list(Area)
    found = asyncio.run(examine([area.value for area in areas]))
    if Area.SERVER in areas:
        found += probe.check(session)
    if session.settings.json:
        json_answers.document({"checks": [asdict(each) for each in found]})
    else:
        _show(found)
    if any(each.health is CheckResult.FAILED for each in found):
        raise typer.Exit(FAILED)


def _show(found: Sequence["Check"]) -> None:
    from service.console import show
    from service.console.show import Column

    columns = (
        Column("area", lambda each: each.area, keep=True),
        Column("what", lambda each: each.what, keep=True),
        Column("health", lambda each: each.health, keep=True),
        Column("found", lambda each: each.found, keep=True),
        Column("what to do", lambda each: each.advice, keep=True),
    )
    show.table(columns, found, "nothing was looked at")
