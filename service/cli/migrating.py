"""`workflows migrate`: the schema of the database, up, down, and where it stands."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.telling import fail, one_line
from service.console.exits import NOT_CURRENT

if TYPE_CHECKING:
    from service.store.migrate import Migrator

app = typer.Typer(
    help="Move the schema of the database DATABASE_URL (or MIGRATE_DATABASE_URL, where its owner is another user).",
    no_args_is_help=True,
)


@app.command()
def up(
    target: Annotated[int | None, typer.Argument(metavar="NUMBER", help="The last migration to apply.")] = None,
) -> None:
    """Apply what is pending."""
    with _migrator() as migrator:
        applied = asyncio.run(migrator.up(target))
    _tell_moves("applied", [f"{one.version:04} {one.name}" for one in applied])


@app.command()
def down(
    target: Annotated[
        int, typer.Argument(metavar="NUMBER", help="The migration to go back to; 0 takes back everything.")
    ],
) -> None:
    """Take migrations back, newest first, with all data in their tables."""
    with _migrator() as migrator:
        taken = asyncio.run(migrator.down(target))
    _tell_moves("took back", [f"{one.version:04} {one.name}" for one in taken])


@app.command()
def status() -> None:
    """Say which migrations the database has seen. Exit code 3 unless it has seen exactly ours."""
    with _migrator() as migrator:
        found = asyncio.run(migrator.status())
    for one in found:
        applied = "pending" if one.applied_at is None else f"applied {one.applied_at:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"{one.version:04} {one.name:<20} {applied}{', edited since' if one.edited else ''}")
    _check()


@app.command("list")
def list_known() -> None:
    """List the migrations of this release."""
    from service.store.migrate import migrations

    for one in migrations():
        typer.echo(f"{one.version:04} {one.name:<20} sha256 {one.sha256}")


@app.command()
def script() -> None:
    """Print all migrations as SQL that can be run by hand, any number of times."""
    from service.store.migrate import Migrator

    typer.echo(Migrator("").script(), nl=False)


@app.command()
def verify() -> None:
    """Check that the schema is the one of this release. Exit code 3 when it is not."""
    _check()
    typer.echo("the schema is the one of this release")


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


def _tell_moves(verb: str, moved: list[str]) -> None:
    for one in moved:
        typer.echo(f"{verb} {one}")
    if not moved:
        typer.echo("nothing to do")
