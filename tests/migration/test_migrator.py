"""Up, down, and what goes wrong with migrations."""

import asyncio
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from service.store.migrate import ALONE, Migration, Migrator, SchemaMismatch, migrations
from service.store.schema import dump


async def tables(dsn: str) -> set[str]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("select tablename from pg_tables where schemaname = 'public'")
        return {name for (name,) in await cursor.fetchall()}


async def test_up_down_up(blank_database: str) -> None:
    migrator = Migrator(blank_database)
    assert await migrator.up() == migrator.known
    first = await dump(blank_database)
    assert await migrator.down(0) == migrator.known[::-1]
    assert await tables(blank_database) == {"schema_migrations"}
    await migrator.up()
    assert await dump(blank_database) == first
    assert await migrator.up() == []


async def test_every_step_down_goes_up_again(blank_database: str) -> None:
    migrator = Migrator(blank_database)
    await migrator.up()
    for target in range(len(migrator.known) - 1, -1, -1):
        assert [gone.version for gone in await migrator.down(target)] == [target + 1]
    await migrator.up(2)
    applied = [line.version for line in await migrator.status() if line.applied_at is not None]
    assert applied == [1, 2]


async def test_two_migrators_take_turns(blank_database: str) -> None:
    done = await asyncio.gather(*(Migrator(blank_database).up() for _ in range(3)))
    assert sorted(len(applied) for applied in done) == [0, 0, len(migrations())]


async def test_an_edited_file_is_noticed(database: str) -> None:
    await Migrator(database).check_current()
    first, *others = migrations()
    edited = Migrator(database, [replace(first, up=first.up + "\n-- more"), *others])
    assert [line.version for line in await edited.status() if line.edited] == [1]
    for check in (edited.check_current, edited.up):
        with pytest.raises(SchemaMismatch, match="0001_tenancy was edited"):
            await check()


async def test_the_service_wants_its_own_schema(database: str, blank_database: str) -> None:
    await Migrator(database).check_current()
    with pytest.raises(SchemaMismatch, match="migrate up"):
        await Migrator(blank_database).check_current()
    with pytest.raises(SchemaMismatch, match="newer"):
        await Migrator(database, migrations()[:-1]).check_current()


async def test_a_migration_is_all_or_nothing(blank_database: str) -> None:
    broken = Migration(1, "broken", "create table half (id int); select 1 / 0;", "")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await Migrator(blank_database, [broken]).up()
    assert await tables(blank_database) == {"schema_migrations"}
    assert [line.applied_at for line in await Migrator(blank_database, [broken]).status()] == [None]


async def test_a_marked_migration_runs_outside_a_transaction(blank_database: str) -> None:
    table = Migration(1, "table", "create table whole (id int)", "drop table whole")
    index = Migration(2, "index", f"{ALONE}\ncreate index concurrently whole_id on whole (id)", "drop index whole_id")
    assert len(await Migrator(blank_database, [table, index]).up()) == 2


async def test_the_script_does_the_same_any_number_of_times(blank_database: str, database: str) -> None:
    script = Migrator(blank_database).script()
    async with await psycopg.AsyncConnection.connect(blank_database, autocommit=True) as connection:
        await connection.execute(script.encode())
        await connection.execute(script.encode())
    await Migrator(blank_database).check_current()
    assert await dump(blank_database) == await dump(database)


def test_numbers_have_no_gap(tmp_path: Path) -> None:
    for name in ("0001_a", "0003_b"):
        (tmp_path / f"{name}.up.sql").write_text("")
        (tmp_path / f"{name}.down.sql").write_text("")
    with pytest.raises(ValueError, match="without a gap"):
        migrations(tmp_path)


def test_names_say_their_number(tmp_path: Path) -> None:
    (tmp_path / "first.up.sql").write_text("")
    with pytest.raises(ValueError, match="NNNN_name"):
        migrations(tmp_path)
