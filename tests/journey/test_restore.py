"""Backup and restore as docs/deploying.md tells it, by an owner who is no superuser: runs go on where they stood."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from service.dev.nats import EmbeddedNats
from service.dev.postgres import EmbeddedPostgres
from service.dev.siblings.script import Script
from service.store.migrate import Migrator
from service.store.pool import ENGINE, READER
from tests.journey.acting import report
from tests.journey.graphs import agent, chain, task
from tests.world import world

OWNER = "workflows_owner"


@pytest.fixture
async def owned(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[str, str]]:
    """A migrated database of a plain owner, and an empty one to restore it to."""
    names = ("backup_from", "backup_to")
    async with await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) as admin:
        await admin.execute(f"create role {OWNER} login createrole password 'secret'".encode())
        await admin.execute(f"grant {ENGINE}, {READER} to {OWNER} with admin option".encode())
        for name in names:
            await admin.execute(f"create database {name} owner {OWNER}".encode())
        source, target = (make_conninfo(postgres.dsn, dbname=name, user=OWNER, password="secret") for name in names)
        await Migrator(source).up()
        yield source, target
        for name in names:
            await admin.execute(f"drop database {name} with (force)".encode())
        await admin.execute(f"drop role {OWNER}".encode())


async def test_runs_go_on_where_the_backup_found_them(
    owned: tuple[str, str],
    postgres: EmbeddedPostgres,
    template: str,
    own_nats: EmbeddedNats,
    script: Script,
    tmp_path: Path,
) -> None:
    source, target = owned
    async with world(source, own_nats.url, script) as before:
        published = await before.publish(chain(agent("research"), task("check"), agent("write")))
        run = await before.start(published.version.definition_id)
        await before.until_step(run.id, "check", "WAITING")
    await asyncio.to_thread(back_up_and_restore, postgres.bin, source, target, tmp_path / "workflows.dump")
    await Migrator(target).check_current()
    own_nats.wipe()  # the bus has nothing of it either
    async with world(target, own_nats.url, script) as after:
        await report(after, run.id, "check", "COMPLETED")
        told = await after.until_told(run.id, "run.completed")
    assert {change.sequence for change in told} == set(range(1, max(change.sequence for change in told) + 1))


def back_up_and_restore(programs: Path, source: str, target: str, file: Path) -> None:
    """The two commands of the page."""
    for command in (
        ("pg_dump", "--format=custom", "--enable-row-security", f"--file={file}", f"--dbname={source}"),
        ("pg_restore", "--exit-on-error", f"--dbname={target}", str(file)),
    ):
        subprocess.run((str(programs / command[0]), *command[1:]), check=True, capture_output=True, text=True)
