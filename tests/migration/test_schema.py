"""The golden schema, and what must hold for all of it."""

import re
from enum import StrEnum
from typing import Any

import psycopg
import pytest

from service.domain.definition import StepType, TriggerType
from service.domain.state import Run, RunState, StepRun, StepState, Task, TaskStatus
from service.store.codec import MOVING_COLUMNS, RUN_COLUMNS
from service.store.queries import sql_folder
from service.store.schema import dump

Owner = psycopg.AsyncConnection[tuple[Any, ...]]


async def rows(looker: Owner, statement: str) -> list[tuple[Any, ...]]:
    return await (await looker.execute(statement.encode())).fetchall()


async def test_the_golden_file_is_what_the_migrations_make(pristine: str) -> None:
    """When it differs on purpose, write what `dump` gives into sql/schema.sql."""
    assert await dump(pristine) == (sql_folder() / "schema.sql").read_text()


@pytest.mark.parametrize(
    ("domain", "enum"),
    [
        ("run_state", RunState),
        ("step_state", StepState),
        ("step_type", StepType),
        ("trigger_type", TriggerType),
        ("task_status", TaskStatus),
    ],
)
async def test_lists_of_words_equal_the_enums(looker: Owner, domain: str, enum: type[StrEnum]) -> None:
    [(check,)] = await rows(
        looker, f"select pg_get_constraintdef(oid) from pg_constraint where contypid = '{domain}'::regtype"
    )
    assert re.findall(r"'(\w+)'", check) == [member.value for member in enum]


@pytest.mark.parametrize(
    ("table", "enum"), [("workflow_runs", RunState), ("step_runs", StepState), ("step_items", StepState)]
)
async def test_an_end_has_a_time_and_nothing_else_has(looker: Owner, table: str, enum: type[Any]) -> None:
    [(check,)] = await rows(
        looker, f"select pg_get_constraintdef(oid) from pg_constraint where conname = '{table}_terminal'"
    )
    expression = check.removeprefix("CHECK ").replace("state", "s.state::text").replace("completed_at", "s.at")
    for state in enum:
        for at in ("now()", "null::timestamptz"):
            [(allowed,)] = await rows(
                looker, f"select {expression} from (select '{state.value}' as state, {at} as at) s"
            )
            assert allowed == (state.terminal == (at == "now()"))


async def test_fields_are_columns(looker: Owner) -> None:
    async def columns(table: str) -> set[str]:
        statement = f"select column_name from information_schema.columns where table_name = '{table}'"
        return {name for (name,) in await rows(looker, statement)}

    assert set(RUN_COLUMNS) == set(Run.__dataclass_fields__) - {"steps", "items", "tasks"}
    assert await columns("workflow_runs") == set(RUN_COLUMNS) | {"wake_at", "updated_at"}
    step = set(StepRun.__dataclass_fields__) | {"run_id", "workspace_id"}
    assert await columns("step_runs") == step | {"position"}
    assert await columns("step_items") == step | {"parent_step", "item_index", "batch"}
    task = set(Task.__dataclass_fields__) | {"run_id", "workspace_id", "definition_id"}
    assert await columns("human_tasks") == task | {"created_at", "updated_at"}
    assert set(MOVING_COLUMNS) < set(RUN_COLUMNS)


async def test_everything_has_a_comment(looker: Owner) -> None:
    bare = await rows(
        looker,
        "select c.relname, a.attname from pg_class c"
        "  join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped"
        " where c.relkind in ('r', 'v') and c.relnamespace = 'public'::regnamespace"
        "   and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)",
    )
    assert bare == []


async def test_cold_tables_tell_when_they_changed(looker: Owner) -> None:
    """One trigger function keeps `updated_at`; only the apply, which is hot, sets it in its statement."""
    untouched = await rows(
        looker,
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'updated_at'"
        " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        "   and not exists (select from pg_trigger t"
        "                    where t.tgrelid = c.oid and t.tgfoid = 'touch_updated_at'::regproc)",
    )
    assert untouched == [("workflow_runs",)]


async def test_updates_of_a_run_touch_no_index_but_the_clocks(looker: Owner) -> None:
    """What moves at every step must not be indexed, so that updates stay on their page."""
    indexed = await rows(
        looker,
        "select distinct a.attname from pg_index i"
        "  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)"
        " where i.indrelid in ('workflow_runs'::regclass, 'step_runs'::regclass)",
    )
    moving = (set(MOVING_COLUMNS) | {"version", "sequence", "updated_at"}) - {"completed_at", "failure_reason"}
    assert {name for (name,) in indexed} & moving == set()
