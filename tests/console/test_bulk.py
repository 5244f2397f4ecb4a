"""Many runs at once: how many is said first, nothing happens unasked, and each of them is told of."""

from pathlib import Path

import pytest

from tests.console.files import person
from tests.console.shell import Shell
from tests.console.test_runs import WAITS, started


@pytest.fixture
async def name(shell: Shell, tmp_path: Path) -> str:
    path, name = person(tmp_path, text=WAITS)
    await shell.done("definitions", "apply", "-f", str(path))
    return name


async def test_many_runs_are_paused_and_resumed(shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {await started(shell, name) for _ in range(3)}
    where = ("--where", f"definition={name}")
    dry = await shell.done("runs", "pause", *where, "--dry-run")
    assert {line.split()[0] for line in dry.lines[1:]} == runs
    assert dry.err == "3 would be told to pause\n"
    unasked = await shell("runs", "pause", *where)
    assert (unasked.code, unasked.out) == (2, "")
    assert "this would pause 3 runs; without a terminal to ask at, --yes says that it may" in unasked.err
    assert (await shell.done("runs", "search", f"definition={name}", "state=paused")).lines == ["no runs"]
    monkeypatch.setattr("service.console.bulk._PAGE", 2)
    paused = await shell.done("runs", "pause", *where, "--yes", "--key", name, "-r", "all of them")
    assert {tuple(line.split()[:3]) for line in paused.lines[1:]} == {(each, "CHANGED", "PAUSED") for each in runs}
    assert paused.err == "3 changed\n"
    resumed = await shell.done("runs", "resume", *where, "--yes", "--json")
    assert {each["outcome"] for each in resumed.json["results"]} == {"CONTROL_OUTCOME_CHANGED"}
    assert (await shell.done("runs", "resume", *where)).lines == ["no runs"]


async def test_too_many_are_refused(shell: Shell, name: str) -> None:
    runs = [await started(shell, name) for _ in range(2)]
    where = ("--where", f"definition={name}")
    ended = await shell("runs", "cancel", *where, "--yes", "--at-most", "1")
    assert ended.code == 1
    assert "too_many_runs" in ended.err
    assert (await shell.done("runs", "cancel", *where, "--yes", "--at-most", "2")).err == "2 changed\n"
    assert (await shell("runs", "wait", runs[0])).code == 7


async def test_one_or_many_but_not_both(shell: Shell) -> None:
    for words in ((), ("wfr_1", "--where", "tag=x"), ("wfr_1", "--dry-run")):
        ended = await shell("runs", "cancel", *words)
        assert ended.code == 2
        assert "name a RUN, or choose several with --where" in ended.err
