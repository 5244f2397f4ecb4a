"""Every alert is quiet while all is well, and fires when what it is about happens: Prometheus' own tool says so.

It needs the program: `PROMTOOL=/usr/bin/promtool make test`; without it, these tests say that they were skipped.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

RULES = Path(__file__).parents[2] / "ops/prometheus/alerts.yaml"
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool here")

Series: TypeAlias = Mapping[str, str]
"""What is scraped every 15 s, as promtool writes it: a value, what is added each time, and how often."""

ONE, TWO = 'instance="one"', 'instance="two"'
WELL: Series = {
    **{f"workflows_build_info{{{replica}}}": "1x140" for replica in (ONE, TWO)},
    **{f"workflows_ready{{{replica}}}": "1x140" for replica in (ONE, TWO)},
    **{f"workflows_outbox_shards{{{replica}}}": "16x140" for replica in (ONE, TWO)},
    **{f"workflows_census_age_seconds{{{replica}}}": "10x140" for replica in (ONE, TWO)},
    f'workflows_dependency_up{{{ONE},dependency="bus"}}': "1x140",
    f"workflows_outbox_unpublished{{{ONE}}}": "7x140",
    f"workflows_outbox_oldest_seconds{{{ONE}}}": "1x140",
    f"workflows_changes_republished_total{{{ONE}}}": "0x140",
    f'workflows_listener_lag_messages{{{ONE},stream="s",filter="f"}}': "20x140",
    f'workflows_dead_letters_total{{{ONE},reason="unreadable"}}': "3x140",
    f"workflows_dead_letters_waiting{{{ONE}}}": "3x140",
    f'workflows_breaker_state{{{ONE},sibling="meter"}}': "0x140",
    f'workflows_sibling_call_seconds_count{{{ONE},sibling="meter",outcome="ok"}}': "0+10x140",
    f'workflows_sibling_call_seconds_count{{{ONE},sibling="meter",outcome="transport"}}': "5x140",
    f'workflows_sibling_call_seconds_bucket{{{ONE},sibling="meter",le="5"}}': "0+10x140",
    f'workflows_sibling_call_seconds_bucket{{{ONE},sibling="meter",le="+Inf"}}': "0+10x140",
    f"workflows_fence_misses_total{{{ONE}}}": "0+1x140",
    f"workflows_apply_seconds_count{{{ONE}}}": "0+100x140",
    f"workflows_commands_aborted_total{{{ONE}}}": "0x140",
    f"workflows_lease_takeovers_total{{{ONE}}}": "3x140",
    f'workflows_loop_failing{{{ONE},loop="relay"}}': "0x140",
    f'workflows_loop_rounds_total{{{ONE},loop="relay"}}': "0+60x140",
    f"workflows_effects_overdue_seconds{{{ONE}}}": "1x140",
    f"workflows_timers_overdue_seconds{{{ONE}}}": "1x140",
    f"workflows_starts_overdue_seconds{{{ONE}}}": "1x140",
    f"workflows_schedules_overdue_seconds{{{ONE}}}": "1x140",
    f'workflows_schedule_ticks_total{{{ONE},outcome="missed"}}': "0x140",
    f'workflows_pool_waiting{{{ONE},pool="engine"}}': "0 3 0 2 0x136",
    f'workflows_pool_refused_total{{{ONE},pool="engine"}}': "0x140",
    f'workflows_rpc_seconds_count{{{ONE},method="StartRun",status="OK"}}': "0+100x140",
    f'workflows_rpc_seconds_count{{{ONE},method="StartRun",status="UNAVAILABLE"}}': "0+1x140",
    f'workflows_rpc_seconds_bucket{{{ONE},method="StartRun",status="OK",le="1"}}': "0+100x140",
    f'workflows_rpc_seconds_bucket{{{ONE},method="StartRun",status="OK",le="+Inf"}}': "0+100x140",
    f'workflows_event_loop_lag_seconds_bucket{{{ONE},le="0.25"}}': "0+100x140",
    f'workflows_event_loop_lag_seconds_bucket{{{ONE},le="+Inf"}}': "0+100x140",
}
GONE = dict.fromkeys(WELL, "_x140")
METER = f'workflows_sibling_call_seconds_count{{{ONE},sibling="meter",outcome="transport"}}'
TROUBLE: Mapping[str, tuple[Series, Mapping[str, str]]] = {
    "WorkflowsDown": (GONE, {}),
    "WorkflowsNotReady": ({f"workflows_ready{{{TWO}}}": "1x40 0x100"}, {"instance": "two"}),
    "WorkflowsDependencyDown": (
        {f'workflows_dependency_up{{{TWO},dependency="bus"}}': "1x40 0x100"},
        {"dependency": "bus"},
    ),
    "WorkflowsOutboxLagging": ({f"workflows_outbox_unpublished{{{ONE}}}": "0+200x140"}, {}),
    "WorkflowsOutboxStuck": ({f"workflows_outbox_oldest_seconds{{{ONE}}}": "0+15x140"}, {}),
    "WorkflowsShardsUnheld": ({f"workflows_outbox_shards{{{TWO}}}": "16x40 12x100"}, {}),
    "WorkflowsStreamLostChanges": ({f"workflows_changes_republished_total{{{ONE}}}": "0x100 500x40"}, {}),
    "WorkflowsListenerLagging": (
        {f'workflows_listener_lag_messages{{{ONE},stream="s",filter="f"}}': "0+50x140"},
        {"stream": "s", "filter": "f"},
    ),
    "WorkflowsDeadLettersGrowing": (
        {f'workflows_dead_letters_total{{{ONE},reason="unreadable"}}': "3x100 4x40"},
        {"reason": "unreadable"},
    ),
    "WorkflowsBreakerOpen": (
        {
            f'workflows_breaker_state{{{ONE},sibling="meter"}}': "0x60 2 1 2 1 2 1 2 1 2x72",
            METER: "5x60 10+1x80",
        },
        {"sibling": "meter"},
    ),
    "WorkflowsSiblingFailing": ({METER: "0+5x140"}, {"sibling": "meter"}),
    "WorkflowsSiblingSlow": (
        {f'workflows_sibling_call_seconds_bucket{{{ONE},sibling="meter",le="5"}}': "0+9x140"}
        | {f'workflows_sibling_call_seconds_bucket{{{ONE},sibling="meter",le="10"}}': "0+10x140"},
        {"sibling": "meter"},
    ),
    "WorkflowsFenceMisses": ({f"workflows_fence_misses_total{{{ONE}}}": "0+30x140"}, {}),
    "WorkflowsCommandsAborted": ({f"workflows_commands_aborted_total{{{ONE}}}": "0x60 1+1x80"}, {}),
    "WorkflowsLeaseTakeovers": ({f"workflows_lease_takeovers_total{{{ONE}}}": "0+30x140"}, {}),
    "WorkflowsLoopFailing": (
        {f'workflows_loop_failing{{{ONE},loop="relay"}}': "0x100 4+1x40"},
        {"instance": "one", "loop": "relay"},
    ),
    "WorkflowsLoopStands": (
        {f'workflows_loop_rounds_total{{{ONE},loop="relay"}}': "0+60x60 3600x80"},
        {"instance": "one", "loop": "relay"},
    ),
    "WorkflowsEffectsOverdue": ({f"workflows_effects_overdue_seconds{{{ONE}}}": "0+1x140"}, {}),
    "WorkflowsTimersOverdue": ({f"workflows_timers_overdue_seconds{{{ONE}}}": "0+1x140"}, {}),
    "WorkflowsStartsOverdue": ({f"workflows_starts_overdue_seconds{{{ONE}}}": "0+1x140"}, {}),
    "WorkflowsSchedulesMissed": ({f'workflows_schedule_ticks_total{{{ONE},outcome="missed"}}': "0x100 1x40"}, {}),
    "WorkflowsPoolExhausted": (
        {f'workflows_pool_waiting{{{ONE},pool="engine"}}': "0x60 3x80"},
        {"instance": "one", "pool": "engine"},
    ),
    "WorkflowsRpcErrors": (
        {f'workflows_rpc_seconds_count{{{ONE},method="StartRun",status="UNAVAILABLE"}}': "0x60 0+20x80"},
        {},
    ),
    "WorkflowsRpcSlow": (
        {f'workflows_rpc_seconds_bucket{{{ONE},method="StartRun",status="OK",le="1"}}': "0+95x140"}
        | {f'workflows_rpc_seconds_bucket{{{ONE},method="StartRun",status="OK",le="2"}}': "0+100x140"},
        {},
    ),
    "WorkflowsEventLoopBlocked": (
        {f'workflows_event_loop_lag_seconds_bucket{{{ONE},le="0.25"}}': "0+90x140"}
        | {f'workflows_event_loop_lag_seconds_bucket{{{ONE},le="0.5"}}': "0+100x140"},
        {"instance": "one"},
    ),
    "WorkflowsCensusOld": ({f"workflows_census_age_seconds{{{TWO}}}": "0+15x140"}, {}),
}
END = "30m"


def read() -> Any:
    return YAML(typ="safe").load(RULES.read_text())


def bare(folder: Path) -> Path:
    """The rules without what they say to people, which a test would have to repeat."""
    rules = read()
    for rule in rules["groups"][0]["rules"]:
        del rule["annotations"]
    path = folder / "rules.yaml"
    path.write_text(json.dumps(rules))  # JSON is YAML
    return path


def scenario(series: Series, fired: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Over what is well: exactly these alerts are firing in the end."""
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in {**WELL, **series}.items()],
        "alert_rule_test": [
            {"eval_time": END, "alertname": name, "exp_alerts": [{"exp_labels": fired[name]}] if name in fired else []}
            for name in TROUBLE
        ],
    }


def severities() -> dict[str, str]:
    return {rule["alert"]: rule["labels"]["severity"] for rule in read()["groups"][0]["rules"]}


def tool(*arguments: str) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules() -> None:
    tool("check", "rules", str(RULES))


def test_there_is_trouble_for_every_alert() -> None:
    assert set(TROUBLE) == set(severities())


def test_alerts_are_quiet_while_all_is_well_and_fire_when_it_is_not(tmp_path: Path) -> None:
    urgent = severities()
    scenarios = [scenario({}, {})]
    for name, (series, labels) in TROUBLE.items():
        scenarios.append(scenario(series, {name: {"severity": urgent[name], **labels}}))
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        json.dumps({"rule_files": [str(bare(tmp_path))], "evaluation_interval": "15s", "tests": scenarios})
    )
    tool("test", "rules", str(tests))
