"""Every statement can be prepared as it stands, and the hot ones go by their index."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.store import queries
from service.store.pool import ENGINE, READER

Owner = psycopg.AsyncConnection[tuple[Any, ...]]

LOOKS = [
    (waits, "events_found", "events_owed", "events_looked") for waits in ("events_fresh_waits", "events_stale_waits")
]
ROUTE = ("events_given", "events_triggering", "events_routed", "events_owed")
ARMS = sorted(name for name in queries.named() if name.startswith("apply_"))
FENCES = ("apply_docs", "apply_free", "apply_held", "apply_fence", "apply_done")
HELD = ("apply_docs", "apply_held", "apply_fence", *(arm for arm in ARMS if arm not in FENCES))
START = (
    "apply_docs",
    "start_key",
    "start_fence",
    *(arm for arm in HELD[3:] if arm not in ("apply_settled", "apply_postponed")),
)
JOINED = {
    "apply_everything": (HELD, "apply_done"),
    "apply_least": (("apply_docs", "apply_free", "apply_fence"), "apply_done"),
    "start": (START, "apply_done"),
    "route": (ROUTE, "events_done"),
    **{due: ((due,), "effects_claim") for due in ("effects_due", "effects_due_in_turn", "effects_due_to_stop")},
    "look": (LOOKS[0], "events_done"),
    "sweep": (LOOKS[1], "events_done"),
    **{end: (("runs_matching",), end) for end in ("runs_search", "runs_count", "runs_targets")},
}
ARM_NAMES = {name for arms, end in JOINED.values() for name in (*arms, end)} | {"apply_free"}
WHOLE = sorted(set(queries.named()) - ARM_NAMES)


@pytest.mark.parametrize("name", WHOLE)
async def test_every_query_prepares(looker: Owner, name: str) -> None:
    await looker.execute(b"prepare statement as " + queries.query(name))


@pytest.mark.parametrize("name", JOINED)
async def test_every_joined_statement_prepares(looker: Owner, name: str) -> None:
    await looker.execute(b"prepare statement as " + queries.joined(*JOINED[name]))


def test_every_name_is_used() -> None:
    code = "\n".join(path.read_text() for path in Path(queries.__file__).parent.glob("*.py"))
    unused = [name for name in queries.named() if f'"{name}"' not in code and not name.startswith("apply_")]
    assert unused == []


def test_a_name_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "twice.sql").write_text("-- name: one\nselect 1\n-- name: one\nselect 2\n")
    monkeypatch.setattr(queries, "sql_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="one a second time"):
        queries.named.__wrapped__()


# --- plans -------------------------------------------------------------------------------------------------------

PLANS: dict[str, tuple[bytes, str, set[str]]] = {
    "run_load": (
        queries.query("run_load"),
        "'r', '{c}', '{e}', '{1}'",
        {
            "workflow_runs_pkey",
            "step_runs_pkey",
            "step_items_pkey",
            "human_tasks_pkey",
            "run_causes_pkey",
            "run_effects_pkey",
        },
    ),
    "apply": (
        queries.joined(*JOINED["apply_everything"]),
        "'[]'",
        {"workflow_runs_pkey", "step_runs_pkey", "run_effects_pkey", "run_waits_pkey"},
    ),
    "runs_claim_due": (queries.query("runs_claim_due"), "10, 30", {"workflow_runs_due"}),
    "event_is_owed": (queries.query("event_is_owed"), "'w', 's', 'e'", {"run_effects_deliveries"}),
    "changes_unpublished": (queries.query("changes_unpublished"), "'{1,2}', 10", {"changes_unpublished"}),
    "changes_published": (queries.query("changes_published"), "'{r}', '{1}'", {"changes_pkey"}),
    "definition_find": (
        queries.query("definition_find"),
        "'ws', 'wf', ''",
        {"workflow_definitions_newest", "workflow_definitions_workspace_id_name_key"},
    ),
    "run_history": (queries.query("run_history"), "'r', 5", {"changes_pkey"}),
    "route": (
        queries.joined(*JOINED["route"]),
        "30, '[]'",
        {"run_waits_address", "awaited_types_pkey", "bus_events_pkey", "trigger_index_address"},
    ),
    "look": (
        queries.joined(*JOINED["look"]),
        "30, 'r', '{s}', '{event:a.b}'",
        {"run_waits_pkey", "bus_events_about", "bus_events_type"},
    ),
    "sweep": (queries.joined(*JOINED["sweep"]), "30, 10, 10", {"run_waits_unlooked"}),
    "deliveries_claim": (
        queries.query("deliveries_claim"),
        "10, 30",
        {"trigger_deliveries_due"},
    ),
    "deliveries_of_event": (queries.query("deliveries_of_event"), "'w', 's', 'e'", {"trigger_deliveries_pkey"}),
    "runs_moved": (queries.query("runs_moved"), "'w', 'event:rpc/1'", {"run_causes_handed_in"}),
    "triggers_scheduled": (queries.query("triggers_scheduled"), "'w', 'cron:'", {"trigger_index_address"}),
    "events_unrouted": (queries.query("events_unrouted"), "10, 10", {"bus_events_unrouted"}),
    "purge_walk": (
        queries.query("purge_walk"),
        """'ws', '[{"state": "FAILED", "seconds": 60}]', '0001-01-01Z', '', 10""",
        {"workflow_runs_ended", "workflow_runs_pkey"},
    ),
    "purge_workspaces": (queries.query("purge_workspaces"), "", {"workflow_runs_ended"}),
    "purge_families": (queries.query("purge_families"), "'{r}'", {"workflow_runs_pkey", "workflow_runs_parent"}),
    "purge_lock": (queries.query("purge_lock"), "'{r}'", {"workflow_runs_pkey"}),
    "purge_obstacles": (
        queries.query("purge_obstacles"),
        "'{r}', '{1}', '{2026-03-02T09:00:00Z}'",
        {"workflow_runs_pkey", "run_holds_pkey", "run_effects_pkey", "changes_pkey", "workflow_runs_parent"},
    ),
    "purge_runs": (
        queries.query("purge_runs"),
        "'{r}'",
        {
            "workflow_runs_pkey",
            "step_runs_pkey",
            "step_items_pkey",
            "human_tasks_pkey",
            "interactions_pkey",
            "run_waits_pkey",
            "run_causes_pkey",
            "run_audit_pkey",
            "changes_pkey",
            "start_keys_pkey",
        },
    ),
    "events_keep": (queries.query("events_keep"), "'[]', '[]'", {"bus_events_pkey", "awaited_types_correlated"}),
}


@pytest.mark.parametrize("name", PLANS)
async def test_hot_statements_go_by_index(looker: Owner, name: str) -> None:
    statement, params, indexes = PLANS[name]
    await many_events(looker)
    plan = await explain(looker, ENGINE, "force_generic_plan", statement, params)
    assert used(plan) >= indexes, plan
    assert scanned(plan) == set()


CLAIMS = {
    "what is longest due": (queries.joined(*JOINED["effects_due"]), "10, 30", {"run_effects_claimable"}),
    "a share for each": (
        queries.joined(*JOINED["effects_due_in_turn"]),
        "10, 30, ''",
        {"run_effects_shares", "run_effects_claimable"},
    ),
    "what stops work": (queries.joined(*JOINED["effects_due_to_stop"]), "10, 30", {"run_effects_stops"}),
    "runs": (queries.query("runs_claim_due"), "10, 30", {"workflow_runs_due"}),
    "deliveries": (queries.query("deliveries_claim"), "10, 30", {"trigger_deliveries_due"}),
    "keys": (queries.query("keys_expire"), "60, 10", set()),
    "bodies": (queries.query("events_fade"), "60, 10", set()),
    "ids of events": (queries.query("events_forget"), "60, 10", {"trigger_deliveries_pkey"}),
    "dead letters": (queries.query("letters_expire"), "60, 10", set()),
    "waits": (queries.joined(*JOINED["sweep"]), "30, 10, 10", {"run_waits_unlooked"}),
    "what a bus lost": (queries.query("changes_unmark"), "3, '2026-01-01', 'infinity', 10", set()),
}


async def test_a_claim_does_not_read_the_backlog(owner: Owner) -> None:
    """Of thousands that are due or old it takes a few and reads no more, also where reading tables is not forbidden."""
    await a_backlog(owner)
    for name, (statement, params, indexes) in CLAIMS.items():
        plan = await explain(owner, ENGINE, "force_generic_plan", statement, params, forbidden=False)
        assert (used(plan) >= indexes, scanned(plan)) == (True, set()), f"{name}: {plan}"
        await owner.execute(b"deallocate statement")


LISTS = {
    "of a workspace": ("'ws', '', '', '', '', 50, 0", "workflow_runs_"),
    "of a definition": ("'ws', 'wf', '', '', '', 50, 0", "workflow_runs_definition"),
    "unfinished": ("'ws', '', 'RUNNING', '', '', 50, 0", "workflow_runs_unfinished"),
    "of an entity": ("'ws', '', '', 'lead', '', 50, 0", "workflow_runs_entity"),
    "of an initiator": ("'ws', '', '', '', 'sdr', 50, 0", "workflow_runs_initiator"),
}


@pytest.mark.parametrize("name", LISTS)
async def test_lists_go_by_the_index_of_their_filter(looker: Owner, name: str) -> None:
    params, index = LISTS[name]
    await many_runs(looker)
    plan = await explain(looker, READER, "force_custom_plan", queries.query("runs_list"), params)
    assert any(name.startswith(index) for name in used(plan) - {"workflow_runs_pkey"})
    assert scanned(plan) == set()


SEARCHES = {
    "failed of a reason": ("'', '', '', '', 'timed_out'", "workflow_runs_failed"),
    "started by a person": ("'', '', 'ann', '', ''", "workflow_runs_person"),
    "about an entity": ("'lead', '', '', '', ''", "workflow_runs_entity"),
}


@pytest.mark.parametrize("name", SEARCHES)
async def test_searches_go_by_the_index_of_their_filter(looker: Owner, name: str) -> None:
    about, index = SEARCHES[name]
    await many_runs(looker)
    entity, entity_type, user, parent, reason = about.split(", ")
    filters = f"'ws', '', 0, '{{}}', null, {entity}, {entity_type}, '', {user}, {parent}, {reason}, ''"
    params = f"{filters}, null, null, '', '{{}}', '', 50"
    plan = await explain(looker, READER, "force_custom_plan", queries.joined(("runs_matching",), "runs_search"), params)
    assert index in used(plan), plan


TASK_LISTS = {
    "of a workspace": ("'ws', '', '', '', '', null, 50, 0", "human_tasks_"),
    "of an assignee": ("'ws', 'ann', '', '', '', null, 50, 0", "human_tasks_assignee"),
    "of a group": ("'ws', '', 'sales', '', '', null, 50, 0", "human_tasks_group"),
    "of a claimer": ("'ws', '', '', 'bob', '', null, 50, 0", "human_tasks_claimed"),
    "open": ("'ws', '', '', '', 'OPEN', null, 50, 0", "human_tasks_open"),
    "due": ("'ws', '', '', '', '', '2026-03-02T09:00:00Z', 50, 0", "human_tasks_due"),
}


@pytest.mark.parametrize("name", TASK_LISTS)
async def test_task_lists_go_by_the_index_of_their_filter(looker: Owner, name: str) -> None:
    params, index = TASK_LISTS[name]
    await many_tasks(looker)
    plan = await explain(looker, READER, "force_custom_plan", queries.query("tasks_list"), params)
    assert any(name.startswith(index) for name in used(plan) - {"human_tasks_pkey"}), plan
    assert scanned(plan) == set()


CENSUS = {
    "census_runs": {"workflow_runs_unfinished"},
    "census_steps": {"workflow_runs_unfinished", "step_runs_pkey"},
    "census_work": {"changes_unpublished", "run_effects_claimable", "workflow_runs_due"},
}


@pytest.mark.parametrize("name", CENSUS)
async def test_the_census_passes_over_what_has_ended(looker: Owner, name: str) -> None:
    """Of dead letters there are few, and effects go when they are done."""
    await many_runs(looker)
    plan = await explain(looker, READER, "force_custom_plan", queries.query(name), "")
    assert used(plan) >= CENSUS[name], plan
    assert scanned(plan) <= {"dead_letters", "run_effects"}


async def many_events(looker: Owner) -> None:
    await looker.execute(
        "insert into bus_events (workspace_id, source, event_id, digest, type, subject, bus_subject, about, body,"
        "                        routed_at)"
        " select 'ws_' || n % 3, 's', 'e' || n, '', 'type.' || n % 500, '', '',"
        "        case when n % 3 = 0 then 'objective:' || n else '' end, '{}', now()"
        "   from generate_series(1, 3000) n"
    )
    await looker.execute("analyze bus_events")


async def many_runs(looker: Owner) -> None:
    await looker.execute(
        "insert into workflow_runs (id, workspace_id, definition_id, definition_version, state, completed_at,"
        "                           trigger_type, sequence, entity_id, initiator_agent_id)"
        " select 'wfr_' || n, 'ws_' || n % 10, 'wf_' || n % 100, 1,"
        "        case when n % 50 = 0 then 'RUNNING' else 'COMPLETED' end, case when n % 50 > 0 then now() end,"
        "        'MANUAL', 1, 'e' || n % 500, 'a' || n % 500"
        "   from generate_series(1, 3000) n"
    )
    await looker.execute("analyze workflow_runs")


async def many_tasks(looker: Owner) -> None:
    await looker.execute(
        "insert into human_tasks (run_id, step_id, workspace_id, definition_id, attempt, status, title, instructions,"
        '                         form_schema, assignee, "group", claimed_by, completed_by, version, due_at, closed_at)'
        " select 'wfr_' || n, 'a', 'ws_' || n % 10, 'wf_1', 1, case when n % 50 = 0 then 'OPEN' else 'COMPLETED' end,"
        "        '', '', '{}', 'p' || n % 500, 'g' || n % 500, 'c' || n % 500, '', 1,"
        "        timestamptz '2026-03-02T08:00:00Z' + n * interval '1 hour', case when n % 50 > 0 then now() end"
        "   from generate_series(1, 3000) n"
    )
    await looker.execute("analyze human_tasks")


async def a_backlog(looker: Owner) -> None:
    """Nobody was there for an hour."""
    late = "now() - interval '1 hour' + n * interval '1 millisecond' from generate_series(1, 20000) n"
    rows = {
        "run_effects (run_id, effect_id, step_id, attempt, kind, request, workspace_id, lease_token, due_at)": (
            "'wfr_' || n, 'e', 'a', 1, 'CreateObjective', '', 'ws_1', 1"
        ),
        "workflow_runs (id, workspace_id, definition_id, definition_version, state, trigger_type, sequence, wake_at)": (
            "'wfr_' || n, 'ws_1', 'wf', 1, 'RUNNING', 'MANUAL', 1"
        ),
        "trigger_deliveries (workspace_id, source, event_id, definition_id, due_at)": "'ws_1', 's', 'e' || n, 'wf'",
        "run_causes (run_id, cause, digest, sequence, workspace_id, at)": "'wfr_' || n, 'rpc:ann:' || n, '', 1, 'ws_1'",
        "start_keys (workspace_id, scope, key, digest, run_id, sequence, created_at)": (
            "'ws_1', 'rpc:ann', n::text, '', 'wfr_' || n, 1"
        ),
        "rpc_answers (workspace_id, caller, key, method, digest, response, created_at)": (
            "'ws_1', 'ann', n::text, 'Get', '', ''"
        ),
        "bus_events (workspace_id, source, event_id, digest, type, subject, bus_subject, about, body, routed_at,"
        " received_at)": "'ws_1', 's', 'e' || n, '', 'a.b', '', '', '', '{}', now()",
        "dead_letters (bus_subject, raw, headers, reason, received_at)": "'a.b', '', '{}', 'bad_json'",
        "run_waits (run_id, step_id, address, workspace_id, opened_at)": "'wfr_' || n, 's', 'event:a.b', 'ws_1'",
        "changes (stream_id, sequence, workspace_id, aggregate, operation, actor, cause, recorded_at, data, shard,"
        " published_at)": "'wfr_' || n, 1, 'ws_1', 'run', 'started', 'a', 'c', now(), '{}', n % 32",
    }
    for table, values in rows.items():
        await looker.execute(f"insert into {table} select {values}, {late}".encode())
    await looker.execute("analyze")


async def explain(looker: Owner, role: str, mode: str, statement: bytes, params: str, *, forbidden: bool = True) -> str:
    """`forbidden`: no table is read from end to end where there is another way; test tables are small."""
    scans = "off" if forbidden else "on"
    for setting in (
        f"set role {role}",
        f"set plan_cache_mode = {mode}",
        f"set enable_seqscan = {scans}",
        "set jit = off",
    ):
        await looker.execute(setting.encode())
    await looker.execute(b"select set_config('workflows.workspace', '*', false)")
    await looker.execute(b"prepare statement as " + statement)
    cursor = await looker.execute(f"explain (costs off) execute statement{f'({params})' if params else ''}".encode())
    return "\n".join(str(line) for (line,) in await cursor.fetchall())


def used(plan: str) -> set[str]:
    return set(re.findall(r"(?:using|Scan on) (\w+_\w+)", plan))


def scanned(plan: str) -> set[str]:
    """Tables read from end to end, the one that has 32 rows and the ones made by functions aside."""
    return set(re.findall(r"Seq Scan on (\w+)", plan)) - {"relay_shards", "replicas"}
