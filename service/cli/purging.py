"""`workflows purge`: a `direct_purge`, as a command."""

import asyncio
import os
from typing import Annotated

import typer

from service.cli.telling import Json, answer, one_line
from service.console.exits import USAGE


def add(app: typer.Typer) -> None:
    app.command("purge")(purge)


def purge(
    workspace: Annotated[str | None, typer.Option(help="Of this workspace only; otherwise of every one.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="COMPLETED, FAILED or CANCELLED; may be repeated.")] = None,
    older_than: Annotated[str, typer.Option(help="Ended that long ago, 90d say; otherwise by the policies.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many runs; a family goes whole.")] = 100_000,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="So many runs in one transaction.")] = 100,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove ended runs with all there is of them, straight from the database DATABASE_URL."""
    from functools import partial

    from service.cli import direct_purge
    from service.config import retention_seconds
    from service.engine.ports.failures import StoreUnavailable
    from service.engine.purging import PurgeWish
    from service.store.migrate import SchemaMismatch

    with one_line(ValueError, code=USAGE):
        chosen, age = direct_purge.states_of(state or ()), direct_purge.seconds_of(older_than) if older_than else None
    with one_line(ValueError, SchemaMismatch, StoreUnavailable):
        how = partial(PurgeWish, limit=limit, batch=batch, dry_run=dry_run)
        done = asyncio.run(direct_purge.purge(_database(), workspace, chosen, age, retention_seconds(), how))
    answer(direct_purge.as_json(done, dry_run=dry_run), direct_purge.told(done, dry_run=dry_run))


def _database() -> str:
    """Raises ValueError."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise ValueError("DATABASE_URL is not set")
    return url
