"""The dashboard and the alerts ask for metrics that there are, and every alert leads to a page that helps."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from service.observing.metrics import METRICS, markdown
from tests.observing.promql import check, selectors

ROOT = Path(__file__).parents[2]
ALERTS: list[dict[str, Any]] = [
    rule
    for group in YAML(typ="safe").load((ROOT / "ops/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "ops/grafana/workflows.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ROWS = ["Overview", "Runs", "Effects and siblings", "Outbox and bus", "Database and engine", "RPC"]
TEMPLATED = re.compile(r"\{\{ ?\$labels\.(\w+)")


def anchors(page: str) -> set[str]:
    """What the headings of a page can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert check(rule["expr"]) == []
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
    said = rule["annotations"]
    assert said["summary"]
    assert said["description"].endswith(".")
    page, _, anchor = said["runbook_url"].partition("#")
    assert anchor in anchors(page)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_names_only_labels_that_its_series_keep(rule: dict[str, Any]) -> None:
    """Aggregated over everything a series has no labels left; else those that it is grouped by, or all of its own."""
    told = set(TEMPLATED.findall(str(rule["annotations"])))
    kept: set[str] = set()
    for one in selectors(rule["expr"]):
        metric = next((metric for name, metric in METRICS.items() if one.name.startswith(name)), None)
        grouped = bool(one.functions & {"sum", "max", "min", "count"})
        kept |= one.labels if grouped else {"instance", "job", *(metric.labels if metric else ())}
    assert told <= kept


def test_the_dashboard_has_its_rows_and_variables() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == ROWS
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "job", "instance"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"


def test_no_two_panels_lie_on_each_other() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


QUERIES = [(panel["title"], target["expr"], target["legendFormat"]) for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize(("title", "expr", "legend"), QUERIES)
def test_a_panel_asks_for_what_there_is(title: str, expr: str, legend: str) -> None:
    assert check(expr) == []
    for one in selectors(expr):
        assert {"job", "instance"} <= one.labels, f"{one.name} is not of the chosen replicas"
        if one.functions & {"sum", "max", "min", "count"}:
            assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= one.labels


def test_every_metric_is_on_the_dashboard() -> None:
    drawn = {one.name for _, expr, _ in QUERIES for one in selectors(expr)}
    for name in METRICS:
        assert any(found.startswith(name) for found in drawn), name


def test_gauges_of_the_whole_database_are_never_added_up() -> None:
    """Every replica tells the same number: the sum over replicas would be a multiple of it."""
    queries = [rule["expr"] for rule in ALERTS] + [expr for _, expr, _ in QUERIES]
    for one in (one for expr in queries for one in selectors(expr)):
        metric = METRICS.get(one.name)
        if metric is not None and "every replica" in metric.meaning and one.name != "workflows_census_age_seconds":
            assert "max" in one.functions, one.name


def test_the_list_in_the_docs_is_the_list() -> None:
    assert markdown() in (ROOT / "docs/monitoring.md").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("max(workflows_nothing)", id="no such metric"),
        pytest.param('max(workflows_runs{status="RUNNING"})', id="no such label"),
        pytest.param("sum by (sibling) (rate(workflows_commands_total[5m]))", id="no such group"),
        pytest.param("summ(workflows_ready)", id="no such function"),
        pytest.param("sum(workflows_ready", id="a bracket left open"),
        pytest.param("sum(workflows_ready))", id="a bracket too many"),
        pytest.param("workflows_commands_total > 5", id="a counter as it is"),
        pytest.param("rate(workflows_ready[5m])", id="the rate of a gauge"),
        pytest.param("rate(workflows_commands_total)", id="a rate over no time"),
        pytest.param("workflows_decide_seconds > 1", id="a histogram as it is"),
        pytest.param("max(workflows_runs{state=RUNNING})", id="a matcher without quotes"),
        pytest.param("1 > 2", id="no metric"),
        pytest.param("workflows_ready # now", id="no token"),
    ],
)
def test_the_check_finds_what_is_wrong(wrong: str) -> None:
    assert check(wrong) != []
