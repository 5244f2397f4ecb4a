"""`workflows migrate`: the schema of the database, up, down, and where it stands."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.telling import Json, answer, fail, one_line
from service.console.asking import sure
from service.console.exits import NOT_CURRENT, Failed

if TYPE_CHECKING:
    from service.store.migrate import Migration, Migrator, Status

app = typer.Typer(
    help="Move the schema of the database DATABASE_URL (or MIGRATE_DATABASE_URL, where its owner is another user).",
    no_args_is_help=True,
)


@app.command()
def up(
    target: Annotated[int | None, typer.Argument(metavar="NUMBER", help="The last migration to apply.")] = None,
    as_json: Json = False,
) -> None:
    """Apply what is pending."""
    with _migrator() as migrator:
        applied = asyncio.run(migrator.up(target))
    _tell_moves("applied", applied)


@app.command()
def down(
    target: Annotated[
        int, typer.Argument(metavar="NUMBER", help="The migration to go back to; 0 takes back everything.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take migrations back, newest first, with all data in their tables."""
    try:
        sure(f"take back every migration after {target:04} with all data in their tables", yes)
    except Failed as failed:
        fail(failed, failed.code)
    with _migrator() as migrator:
        taken = asyncio.run(migrator.down(target))
    _tell_moves("took back", taken)


@app.command()
def status(as_json: Json = False) -> None:
    """Say which migrations the database has seen. Exit code 3 unless it has seen exactly ours."""
    with _migrator() as migrator:
        found = asyncio.run(migrator.status())
    answer({"migrations": [_as_json(one) for one in found]}, map(_line, found))
    _check()


@app.command("list")
def list_known(as_json: Json = False) -> None:
    """List the migrations of this release."""
    from service.store.migrate import migrations

    known = migrations()
    answer(
        {"migrations": [{"version": one.version, "name": one.name, "sha256": one.sha256} for one in known]},
        (f"{one.version:04} {one.name:<20} sha256 {one.sha256}" for one in known),
    )


@app.command()
def script() -> None:
    """Print all migrations as SQL that can be run by hand, any number of times."""
    from service.store.migrate import Migrator

    typer.echo(Migrator("").script(), nl=False)


@app.command()
def verify(as_json: Json = False) -> None:
    """Check that the schema is the one of this release. Exit code 3 when it is not."""
    _check()
    answer({"current": True}, ["the schema is the one of this release"])


def _check() -> None:
    from service.store.migrate import SchemaMismatch

    with _migrator() as migrator:
        try:
            asyncio.run(migrator.check_current())
        except SchemaMismatch as mismatch:
            fail(mismatch, NOT_CURRENT)


@contextmanager
def _migrator() -> "Iterator[Migrator]":
    from service.engine.ports.failures import StoreUnavailable
    from service.store.migrate import Migrator, SchemaMismatch

    url = os.environ.get("MIGRATE_DATABASE_URL") or os.environ.get("DATABASE_URL")
    with one_line(SchemaMismatch, StoreUnavailable):
        if not url:
            raise StoreUnavailable("DATABASE_URL is not set")
        yield Migrator(url)


def _line(one: "Status") -> str:
    applied = "pending" if one.applied_at is None else f"applied {one.applied_at:%Y-%m-%d %H:%M:%S}"
    return f"{one.version:04} {one.name:<20} {applied}{', edited since' if one.edited else ''}"


def _as_json(one: "Status") -> dict[str, object]:
    applied_at = one.applied_at and one.applied_at.isoformat()
    return {"version": one.version, "name": one.name, "applied_at": applied_at, "edited": one.edited}


def _tell_moves(verb: str, moved: "Sequence[Migration]") -> None:
    told = [{"version": one.version, "name": one.name} for one in moved]
    lines = [f"{verb} {one.version:04} {one.name}" for one in moved]
    answer({verb.replace(" ", "_"): told}, lines or ["nothing to do"])
