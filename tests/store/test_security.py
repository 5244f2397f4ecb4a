"""Tenants are kept apart by the database itself, from the first migration."""

from typing import Any

import psycopg
import pytest

from service.domain.decision import Interaction
from service.domain.definition import StepType
from service.domain.state import Run, StepRun, Task, TaskStatus
from service.store.pool import ENGINE, READER, Pool
from service.store.reads import Reads
from service.store.runs import Runs
from tests.store.decisions import run, store

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


SEEN = (
    "workflow_runs",
    "step_runs",
    "step_items",
    "human_tasks",
    "interactions",
    "changes",
    "run_events",
    "start_keys",
)


def everything(workspace_id: str) -> Run:
    """A run that has a row in every table of runs."""
    item = StepRun("a[0]", "A", StepType.AGENT_ACTION)
    return run(workspace_id=workspace_id, items={"a[0]": item}, tasks={"b": Task("b", 1, TaskStatus.OPEN, "Look")})


async def values(connection: Owner, statement: str) -> list[Any]:
    return [row[0] for row in await (await connection.execute(statement.encode())).fetchall()]


async def test_every_table_with_a_workspace_is_protected(owner: Owner) -> None:
    unprotected = await values(
        owner,
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'"
        " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        "   and not (c.relrowsecurity and c.relforcerowsecurity"
        "            and (select count(*) = 3 from pg_policies p where p.tablename = c.relname))",
    )
    assert unprotected == []


async def test_every_table_has_a_workspace(owner: Owner) -> None:
    without = await values(
        owner,
        "select relname from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace"
        "   and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id')"
        " order by 1",
    )
    assert without == ["relay_shards", "relay_stream", "replicas", "retention_turn", "schema_migrations"]


@pytest.mark.parametrize(("workspace", "seen"), [("ws_1", ["ws_1"]), ("ws_2", ["ws_2"]), ("ws_3", []), ("", [])])
@pytest.mark.parametrize("table", SEEN)
async def test_the_reader_sees_one_workspace(
    runs: Runs, owner: Owner, table: str, workspace: str, seen: list[str]
) -> None:
    for tenant in ("ws_1", "ws_2"):
        await store(runs, everything(tenant), interactions=(Interaction("a", "notice", "agent:sdr", "hello", {}),))
    await owner.execute(f"set role {READER}".encode())
    await owner.execute(f"set workflows.workspace = '{workspace}'".encode())
    assert await values(owner, f"select distinct workspace_id from {table}") == seen


async def test_the_reader_sees_nothing_without_a_workspace(runs: Runs, owner: Owner) -> None:
    await store(runs)
    await owner.execute(f"set role {READER}".encode())
    assert await values(owner, "select id from workflow_runs") == []


async def test_the_reader_cannot_write(runs: Runs, owner: Owner) -> None:
    await store(runs)
    await owner.execute(f"set role {READER}; set workflows.workspace = '*'".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await owner.execute("update workflow_runs set state = 'RUNNING'")


FORBIDDEN = [
    "alter table workflow_runs disable row level security",
    "drop policy reader_sees_workspace on workflow_runs",
    "create policy all_see on workflow_runs for select using (true)",
    "call protect('workflow_runs')",
    "truncate changes",
    "drop table changes",
    "create table spare (id text)",
    "create function spare() returns int language sql as 'select 1'",
    "create or replace function touch_updated_at() returns trigger language plpgsql as 'begin return new; end'",
    "delete from schema_migrations",
    "copy changes to program 'cat'",
    "select pg_read_file('PG_VERSION')",
    "select lo_import('PG_VERSION')",
    "select * from pg_authid",
    "lock table schema_migrations in access exclusive mode",
    "alter role workflows_reader bypassrls",
]


@pytest.mark.parametrize("role", [ENGINE, READER])
@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_what_neither_role_may_do(looker: Owner, role: str, statement: str) -> None:
    """Also in the hands of somebody who can say any statement, where the login is nobody else's."""
    await looker.execute(f"create role stranger in role {role}; set session authorization stranger".encode())
    await looker.execute(f"set role {role}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await looker.execute(statement.encode())


async def test_row_level_security_that_is_switched_off_shows_nothing(looker: Owner) -> None:
    await looker.execute(f"set role {READER}; set row_security = off".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await looker.execute("select id from workflow_runs")


async def test_no_function_lends_its_owners_rights(looker: Owner) -> None:
    lending = "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
    assert await values(looker, lending) == []


async def test_a_read_does_not_leave_its_workspace_behind(runs: Runs, reads: Reads, reader_pool: Pool) -> None:
    begun = await store(runs)
    assert await reads.run(begun.id, None) is not None
    assert await reader_pool.read(b"select id from workflow_runs") == []


async def test_a_foreign_run_does_not_exist(runs: Runs, reads: Reads) -> None:
    begun = await store(runs)
    assert await reads.run(begun.id, "ws_2") is None
    assert await reads.run(begun.id, "ws_1") == begun


async def test_the_owner_is_not_shut_out(database: str, runs: Runs, owner: Owner) -> None:
    """A data migration under forced row-level security touches every row, also when the owner is no superuser."""
    await store(runs)
    await owner.execute("drop role if exists plain_owner; create role plain_owner")
    await owner.execute("alter table workflow_runs owner to plain_owner")
    await owner.execute("alter policy owner_works on workflow_runs to plain_owner")
    await owner.execute("set role plain_owner")
    assert await values(owner, "select count(*) from workflow_runs") == [1]
    await owner.execute("reset role; alter table workflow_runs owner to postgres; drop owned by plain_owner;")
    await owner.execute("drop role plain_owner")
