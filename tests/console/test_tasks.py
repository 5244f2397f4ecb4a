"""`workflows tasks`: a person finds a task, takes it on, and completes or rejects it."""

from pathlib import Path

from tests.console.files import person
from tests.console.shell import Desk, Shell


async def opened(desk: Desk, shell: Shell, folder: Path) -> str:
    """A task that a new run has opened."""
    path, name = person(folder)
    await shell.done("definitions", "apply", "-f", str(path))
    run_id = (await shell.done("runs", "start", name, "--json")).json["id"]
    await desk.world.until_step(run_id, "look", "WAITING")
    return f"{run_id}/look"


async def test_a_task_is_found_and_completed(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    task = await opened(desk, shell, tmp_path)
    listed = await shell.done("tasks", "list", "--assignee", "user_ann", "--state", "open", "-n", "1")
    assert (listed.cell("ID"), listed.cell("TITLE"), listed.cell("FOR")) == (task, "Look", "user_ann")
    claimed = await shell.done("tasks", "claim", task, "--user", "user_ann")
    assert claimed.lines[0].startswith(f"{task} CLAIMED by user_ann, version ")
    await shell.done("tasks", "comment", task, "two\nlines \x1b[31m", "--user", "user_ann")
    shown = await shell.done("tasks", "show", task)
    assert "title       Look" in shown.lines
    assert shown.lines[-2:] == ["two", "lines \N{REPLACEMENT CHARACTER}[31m"]
    done = await shell.done("tasks", "complete", task, "-o", '{"fine": true}', "--user", "user_ann", "--json")
    assert done.json["state"] == "HUMAN_TASK_STATE_COMPLETED"
    run = await desk.world.until_ended(task.partition("/")[0])
    assert dict(run.steps[0].output_payload)["fine"] is True


async def test_a_task_changes_hands(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    task = await opened(desk, shell, tmp_path)
    await shell.done("tasks", "claim", task, "--user", "user_ann")
    assert " OPEN, version" in (await shell.done("tasks", "release", task, "--user", "user_ann")).out
    await shell.done("tasks", "reassign", task, "--assignee", "user_bob", "--group", "sales")
    assert "for         user_bob, group sales" in (await shell.done("tasks", "show", task)).lines
    stale = await shell("tasks", "claim", task, "--user", "user_bob", "--seen-version", "1")
    assert stale.code == 1
    assert "the task is at version 4, not 1 (FAILED_PRECONDITION, task_version)" in stale.err
    assert " REJECTED" in (await shell.done("tasks", "reject", task, "-r", "not mine", "--user", "user_bob")).out


async def test_what_is_no_state_is_refused(shell: Shell) -> None:
    ended = await shell("tasks", "list", "--state", "lost")
    assert ended.code == 2
    assert "'lost' is none of open, claimed, completed, rejected, cancelled" in ended.err
