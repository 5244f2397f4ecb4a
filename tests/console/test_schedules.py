"""`workflows schedules`: what starts by the clock is looked at, held back, and made up for."""

from pathlib import Path

import pytest

from tests.console.files import person
from tests.console.shell import Shell

YEARLY = """
workspace: {workspace}
name: {name}
trigger: {{type: schedule, cron: 0 3 1 1 *}}
steps:
  - {{id: hear, type: wait_for_event, event_type_pattern: nobody.says}}
"""


@pytest.fixture
async def name(shell: Shell, tmp_path: Path) -> str:
    path, name = person(tmp_path, text=YEARLY)
    await shell.done("definitions", "apply", "-f", str(path))
    return name


async def test_a_schedule_is_paused_and_resumed(shell: Shell, name: str) -> None:
    listed = await shell.done("schedules", "list", "-n", "1")
    assert (listed.cell("CRON"), listed.cell("TIMEZONE")) == ("0 3 1 1 *", "UTC")
    paused = await shell.done("schedules", "pause", name, "-r", "holidays")
    assert any(line.startswith("paused ") and line.endswith("by anonymous holidays") for line in paused.lines)
    assert (await shell.done("schedules", "list", "-n", "1")).cell("NEXT") == "PAUSED"
    resumed = await shell.done("schedules", "resume", name, "--json")
    assert "paused_at" not in resumed.json


async def test_a_policy_is_changed(shell: Shell, name: str) -> None:
    words = ("--timezone", "Europe/Berlin", "--overlap", "buffer-one", "--catch-up", "2h", "--jitter", "90")
    changed = await shell.done("schedules", "policy", name, *words)
    for line in (
        "cron        0 3 1 1 * (Europe/Berlin)",
        "overlap     buffer_one",
        "catch up    2h",
        "jitter      1m 30s",
    ):
        assert line in changed.lines
    kept = await shell.done("schedules", "policy", name, "--catch-up", "0", "--json")
    assert (kept.json["catch_up_seconds"], kept.json["jitter_seconds"]) == (0, 90)
    assert (await shell("schedules", "policy", name, "--overlap", "never")).code == 2
    assert (await shell("schedules", "policy", name, "--jitter", "soon")).code == 2
    stale = await shell("schedules", "policy", name, "--jitter", "1", "--seen-version", "1")
    assert stale.code == 1


async def test_ticks_are_foretold_and_made_up_for(shell: Shell, name: str) -> None:
    assert len((await shell.done("schedules", "upcoming", name, "-n", "3")).lines) == 3
    span = ("--from", "2024-12-31T00:00:00Z", "--to", "2025-01-02T00:00:00Z")
    once = await shell.done("schedules", "backfill", name, *span)
    assert (once.cell("OUTCOME"), len(once.lines)) == ("started", 2)
    again = await shell.done("schedules", "backfill", name, *span)
    assert (again.cell("OUTCOME"), again.cell("RUN")) == ("had its run", once.cell("RUN"))


async def test_a_definition_without_a_schedule(shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    assert (await shell("schedules", "show", name)).code == 4
