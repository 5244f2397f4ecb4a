"""A real scrape after real runs: what is listed is there, what is there is listed, and the numbers are true."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from workflows.v1 import workflows_pb2 as pb

from service.observing.metrics import METRICS, MetricKind
from tests.edge.edge import refused
from tests.fix_store import Owner
from tests.journey.acting import begin, report
from tests.journey.graphs import agent, chain, task
from tests.observing.scrape import Scrape, Series, until_scraped, until_shown
from tests.world import PATIENCE_SECONDS, World

PIPELINE = chain(agent("research"), task("review"))
UNHEARD = {"workflows_starts_total", "workflows_rpc_streams_total", "workflows_effects_repeated_total"}
"""Their series come into being with the first of a kind, and nothing of the kind happens here."""


@pytest.fixture
async def after(world: World) -> Scrape:
    """The scrape after one run that completed, one that waits, one call that was refused and one dead letter."""
    ended, waiting = await begin(world, PIPELINE), await begin(world, PIPELINE)
    for run in (ended, waiting):
        await world.until_step(run.id, "review", "WAITING")
    await report(world, ended.id, "review", "COMPLETED")
    await world.until_told(ended.id, "run.completed")
    await refused(world.stub.GetRun(pb.GetRunRequest(id="wfr_nowhere")))
    await world.bus.jetstream().publish("objectives.changes.odd", b"no JSON", headers={"ce-id": "1"})
    return await until_scraped(world.http, lambda seen: seen.value("workflows_dead_letters_total") == 1)


def samples_of(name: str, kind: MetricKind) -> set[str]:
    return {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind is MetricKind.HISTOGRAM else {name}


def _sampled(seen: Scrape) -> Iterator[tuple[str, frozenset[str]]]:
    for family in seen.families.values():
        for sample in family.samples:
            yield sample.name, frozenset(sample.labels) - {"le"}


async def test_what_is_listed_is_scraped_and_nothing_else(after: Scrape) -> None:
    listed = {
        (name, frozenset(metric.labels))
        for metric in METRICS.values()
        for name in samples_of(metric.name, metric.kind)
        if metric.name not in UNHEARD
    }
    scraped = {pair for pair in _sampled(after) if not pair[0].startswith("process_") and pair[0] not in UNHEARD}
    assert scraped == listed
    for name in UNHEARD:
        assert f"# TYPE {name} counter" in after.text
    assert after.value("process_resident_memory_bytes") > 0


async def test_every_metric_has_its_help_and_type(after: Scrape) -> None:
    for metric in METRICS.values():
        assert f"# HELP {metric.name} {metric.meaning}\n" in after.text
        assert f"# TYPE {metric.name} {metric.kind}\n" in after.text


@pytest.mark.usefixtures("after")
async def test_the_numbers_are_true(world: World, owner: Owner) -> None:
    told = Counter(dict(await _rows(owner, "select aggregate || ' ' || operation, count(*) from changes group by 1")))
    start = ("method", "workflows.v1.WorkflowService/StartRun")
    expected: Mapping[Series, float] = {
        ("workflows_transitions_total", ("kind", "run"), ("state", "COMPLETED")): 1,
        ("workflows_transitions_total", ("kind", "run"), ("state", "RUNNING")): 2,
        ("workflows_transitions_total", ("kind", "step"), ("state", "COMPLETED")): 3,
        ("workflows_transitions_total", ("kind", "step"), ("state", "WAITING")): told["step waiting"],
        ("workflows_rpc_seconds_count", ("status", "NOT_FOUND")): 1,
        ("workflows_rpc_seconds_count", start, ("status", "OK")): 2,
        ("workflows_effects_total", ("kind", "CreateObjective"), ("outcome", "ok")): 2,
        ("workflows_outbox_shards",): 32,
        ("workflows_changes_published_total",): sum(told.values()),
        ("workflows_ready",): 1,
    }
    seen = await until_shown(world.http, expected)
    assert seen.value("workflows_sibling_call_seconds_count", sibling="objectives", outcome="ok") >= 2
    assert seen.value("workflows_apply_seconds_count") >= 6


@pytest.mark.usefixtures("after")
async def test_what_has_not_ended_is_counted(world: World, owner: Owner) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await _rows(owner, "select from changes where published_at is null"):
            pass
    await world.observing.census.look()
    expected: Mapping[Series, float] = {
        ("workflows_runs", ("state", "RUNNING")): 1,
        ("workflows_steps", ("state", "WAITING")): 1,
        ("workflows_tasks_open",): 1,
        ("workflows_dead_letters_waiting",): 1,
        ("workflows_outbox_unpublished",): 0,
    }
    await until_shown(world.http, expected)


async def _rows(owner: Owner, query: str) -> list[Any]:
    return await (await owner.execute(query.encode())).fetchall()
