"""`workflows retention`: policies, holds, and purging what has ended."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.console.files import person
from tests.console.shell import Desk, Shell
from tests.console.test_events import until
from tests.console.test_runs import AT_ONCE
from tests.world import WORKSPACE


@pytest.fixture
def elsewhere(shell: Shell) -> Shell:
    """A workspace of its own, so that nothing of the others is purged."""
    return Shell({**shell.environment, "WORKFLOWS_WORKSPACE": f"ws_{uuid4()}"})


async def test_policies_are_set_and_taken_back(elsewhere: Shell) -> None:
    workspace = elsewhere.environment["WORKFLOWS_WORKSPACE"]
    assert (await elsewhere.done("retention", "list")).lines[-1] == "what no policy speaks of is kept for ever"
    kept = await elsewhere.done("retention", "set", "90d", "--state", "failed")
    assert kept.lines == [f"{workspace}, FAILED: kept 90d"]
    listed = await elsewhere.done("retention", "list")
    assert (listed.cell("STATE"), listed.cell("KEPT")) == ("FAILED", "90d")
    assert (await elsewhere.done("retention", "delete", "--state", "failed")).lines == ["deleted"]
    assert (await elsewhere("retention", "set", "soon")).code == 2


async def test_what_has_ended_is_purged_unless_it_is_held(desk: Desk, elsewhere: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path, text=AT_ONCE)
    path.write_text(path.read_text().replace(WORKSPACE, elsewhere.environment["WORKFLOWS_WORKSPACE"]))
    await elsewhere.done("definitions", "apply", "-f", str(path))
    run_id = str((await elsewhere.done("runs", "start", name, "--wait", "--json")).json["id"])
    await desk.world.until_told(run_id, "run.completed")
    assert (await elsewhere.done("retention", "hold", run_id, "-r", "a case")).lines == [f"{run_id} is held: a case"]
    assert (await elsewhere.done("retention", "holds")).cell("REASON") == "a case"
    stays = await elsewhere.done("retention", "purge", "--older-than", "0", "--yes")
    assert stays.lines == ["0 runs purged", "1 old family stays: held"]
    await elsewhere.done("retention", "release", run_id)
    assert (await elsewhere("retention", "release", run_id)).code == 4
    words = ("retention", "purge", "--older-than", "0", "--state", "completed")
    await until(lambda: elsewhere.done(*words, "--dry-run"), lambda ended: ended.lines == ["1 run would go"])
    assert (await elsewhere(*words)).code == 2
    assert (await elsewhere.done("retention", "purges")).lines == ["nothing was purged"]
    assert (await elsewhere.done(*words, "--yes")).lines == ["1 run purged"]
    told = await elsewhere.done("retention", "purges")
    assert [told.cell(title) for title in ("RUNS", "BY", "WHAT WAS TO GO")] == ["1", "anonymous", "COMPLETED over 0s"]
    assert (await elsewhere("runs", "show", run_id)).code == 4
