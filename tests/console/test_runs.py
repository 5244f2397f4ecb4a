"""`workflows runs`: starting, finding, watching and steering them, as people and as scripts see it."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.console.files import person
from tests.console.shell import Desk, Shell

WAITS = """
workspace: {workspace}
name: {name}
steps:
  - {{id: hear, type: wait_for_event, event_type_pattern: nobody.says}}
"""
LOOKS = """
workspace: {workspace}
name: {name}
steps:
  - {{id: look, type: human_task}}
  - {{id: hear, type: wait_for_event, event_type_pattern: nobody.says}}
edges: [look -> hear]
"""
AT_ONCE = """
workspace: {workspace}
name: {name}
steps:
  - {{id: tell, type: notification, notification_channel: slack, notification_template: t, config: {{recipient: team}}}}
"""
FAILS_AT_ONCE = """
workspace: {workspace}
name: {name}
steps:
  - {{id: choose, type: branch, condition: input.kind}}
  - {{id: hear, type: wait_for_event, event_type_pattern: a.b}}
edges: [choose -> hear]
"""
FAILS = """
workspace: {workspace}
name: {name}
retry: {{max_retries: 0}}
steps:
  - {{id: first, type: notification, notification_channel: slack, notification_template: t, config: {{recipient: a}}}}
  - {{id: choose, type: branch, condition: input.kind}}
  - {{id: tell, type: notification, notification_channel: slack, notification_template: t, config: {{recipient: team}}}}
edges:
  - first -> choose
  - {{from: choose, to: tell, when: kind == 'good'}}
"""


@pytest.fixture
def publish(shell: Shell, tmp_path: Path) -> "Publish":
    return Publish(shell, tmp_path)


class Publish:
    def __init__(self, shell: Shell, folder: Path) -> None:
        self._shell, self._folder = shell, folder

    async def __call__(self, text: str) -> str:
        path, name = person(self._folder, text=text)
        await self._shell.done("definitions", "apply", "-f", str(path))
        return name


async def started(shell: Shell, name: str, *words: str) -> str:
    return str((await shell.done("runs", "start", name, "--json", *words)).json["id"])


async def test_a_run_is_started_and_shown(shell: Shell, publish: Publish) -> None:
    name = await publish(WAITS)
    words = ("runs", "start", name, "-i", '{"a": 1}', "--entity", "ent_1", "--entity-type", "contact", "--key", name)
    first = await shell.done(*words)
    [run_id] = first.lines
    assert (await shell.done(*words)).lines == [run_id]
    shown = await shell.done("runs", "show", run_id, "--payloads")
    assert "entity      contact ent_1" in shown.lines
    assert 'input       {"a":1}' in shown.lines
    run = (await shell.done("--json", "runs", "show", run_id)).json
    assert (run["state"], run["steps"][0]["step_id"]) == ("WORKFLOW_STATE_RUNNING", "hear")


async def test_an_input_comes_from_a_file_or_stdin(shell: Shell, publish: Publish, tmp_path: Path) -> None:
    name = await publish(WAITS)
    (tmp_path / "in.yaml").write_text("deep: {er: [1, 2]}")
    one = await shell.done("runs", "start", name, "-i", f"@{tmp_path}/in.yaml", "--json")
    assert one.json["input_payload"] == {"deep": {"er": [1, 2]}}
    two = await shell.done("runs", "start", name, "-i", "-", "--json", stdin='{"b": "\\ud83d\\ude00"}')
    assert two.json["input_payload"] == {"b": "\N{GRINNING FACE}"}
    for bad in ("{", "[1]", "@nowhere.json", '{"a": NaN}'):
        assert (await shell("runs", "start", name, "-i", bad)).code == 2


async def test_an_input_that_cannot_be_read_is_named(shell: Shell) -> None:
    for words in (("runs", "start", "any", "--input"), ("tasks", "complete", "wfr_1/a", "--output")):
        ended = await shell(*words, "amount=3")
        assert ended.code == 2
        assert ended.err.startswith(f"workflows: {words[-1]} is no JSON: ")
        assert (await shell(*words, "[1]")).err == f"workflows: {words[-1]} has to be one JSON object\n"


async def test_a_run_that_fails_as_it_starts_says_so(shell: Shell, publish: Publish) -> None:
    name = await publish(FAILS_AT_ONCE)
    ended = await shell.done("runs", "start", name)
    [run_id] = ended.lines
    assert ended.err.splitlines()[0] == "workflows: the run has FAILED already"
    assert (await shell.done("runs", "show", run_id, "--json")).json["state"] == "WORKFLOW_STATE_FAILED"


async def test_waiting_ends_as_the_run_ends(shell: Shell, publish: Publish) -> None:
    good = await shell.done("runs", "start", await publish(AT_ONCE), "--wait")
    assert "state       COMPLETED" in good.lines
    assert "run completed" in good.err
    bad = await shell("runs", "start", await publish(FAILS), "--wait", "--json", "-i", '{"kind": "odd"}')
    assert (bad.code, bad.json["state"], bad.err) == (7, "WORKFLOW_STATE_FAILED", "")
    long = await shell("runs", "start", await publish(WAITS), "--wait", "--at-most", "1s")
    assert long.code == 5
    assert "still goes on" in long.err


async def test_a_run_is_watched_to_its_end(shell: Shell, publish: Publish) -> None:
    run_id = await started(shell, await publish(AT_ONCE))
    await shell.done("runs", "wait", run_id)
    told = [json.loads(line) for line in (await shell.done("runs", "watch", run_id, "--json")).lines]
    assert [each["sequence"] for each in told] == list(range(1, len(told) + 1))
    assert (told[0]["operation"], told[-1]["operation"]) == ("started", "completed")
    rest = await shell.done("runs", "watch", run_id, "--after", str(len(told) - 1))
    assert len(rest.lines) == 1
    assert "run completed" in rest.lines[0]


async def test_a_run_is_paused_explained_and_ended(shell: Shell, publish: Publish) -> None:
    run_id = await started(shell, await publish(WAITS))
    assert (await shell.done("runs", "pause", run_id, "-r", "hold on")).lines == [f"{run_id} PAUSED"]
    explained = await shell.done("runs", "explain", run_id)
    assert any(line.startswith("paused") and line.endswith("by anonymous: hold on") for line in explained.lines)
    assert "hear" in explained.out
    asked = (await shell.done("runs", "explain", run_id, "--json")).json
    assert asked["pauses"][0]["reason"] == "hold on"
    assert (await shell.done("runs", "resume", run_id)).lines == [f"{run_id} RUNNING"]
    assert (await shell.done("runs", "cancel", run_id, "--reason", "no")).lines == [f"{run_id} CANCELLED"]
    assert (await shell("runs", "wait", run_id)).code == 7
    again = await shell("runs", "resume", run_id)
    assert again.code == 1
    assert again.err.startswith("workflows: not possible now: ")
    preview = await shell.done("runs", "compensate", run_id, "--dry-run")
    assert preview.lines == ["nothing is left to undo"]


async def test_what_a_step_has_become_is_reported(shell: Shell, publish: Publish) -> None:
    run_id = await started(shell, await publish(LOOKS))
    words = ("runs", "transition", run_id, "look", "--to", "completed", "-o", '{"good": true}', "--cost", "0.5")
    assert (await shell.done(*words)).lines == [f"{run_id} RUNNING: look COMPLETED"]
    shown = (await shell.done("runs", "show", run_id, "--json")).json["steps"][0]
    assert (shown["state"], shown["output_payload"], shown["cost_usd"]) == (
        "STEP_RUN_STATE_COMPLETED",
        {"good": True},
        0.5,
    )
    again = await shell("runs", "transition", run_id, "look", "--to", "failed", "--error", "too late")
    assert (again.code, "step_terminal" in again.err) == (1, True)
    assert "'done' is none of" in (await shell("runs", "transition", run_id, "look", "--to", "done")).err


async def test_a_failed_step_is_tried_again_skipped_and_forked(shell: Shell, publish: Publish) -> None:
    run_id = await started(shell, await publish(FAILS), "-i", '{"kind": "odd"}')
    assert (await shell("runs", "wait", run_id)).code == 7
    assert (await shell.done("runs", "retry", run_id, "choose", "-r", "once more")).lines[0].startswith(run_id)
    assert (await shell("runs", "wait", run_id)).code == 7
    forked = (await shell.done("runs", "fork", run_id, "choose", "--json")).json
    assert forked["id"] != run_id
    assert (await shell("runs", "wait", forked["id"])).code == 7
    skipped = await shell.done("runs", "skip", run_id, "choose")
    assert skipped.lines[0].startswith(run_id)
    history = await shell.done("runs", "events", run_id)
    assert "once more" not in history.lines[0]
    assert history.cell("WHAT") == "run started"
    sequences = [each["sequence"] for each in (await shell.done("runs", "events", run_id, "--json")).json["events"]]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_runs_are_listed_and_found(shell: Shell, publish: Publish) -> None:
    name = await publish(WAITS)
    run_id = await started(shell, name, "--entity", "ent_found")
    listed = await shell.done("runs", "list", "--definition", name, "--state", "running")
    assert (listed.cell("ID"), listed.cell("STATE"), len(listed.lines)) == (run_id, "RUNNING", 2)
    assert listed.cell("DEFINITION") == name
    for words in (
        ["state=running,paused", "entity=ent_found", "from=1h"],
        [f"definition={name}", "step=hear"],
        [f"state=running definition='{name}' step=hear step-state=waiting"],
    ):
        found = await shell.done("runs", "search", *words)
        assert (found.cell("ID"), found.cell("WAITS AT")) == (run_id, "hear")
    assert (await shell.done("runs", "search", f"definition={name}", "before=1h")).lines == ["no runs"]
    await started(shell, name)
    first = await shell.done("runs", "search", f"definition={name}", "-n", "1")
    token = first.err.split("--page ")[1].strip()
    second = await shell.done("runs", "search", f"definition={name}", "-n", "1", "--page", token)
    assert {first.cell("ID"), second.cell("ID")} >= {run_id}
    assert second.err == ""


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stat=1", "'stat' is not known"),
        ("state", "state needs a value: state=..."),
        ("state=odd", "'odd' is none of pending, running,"),
        ("version=x", "version has to be a number"),
        ("from=yesterday", "'yesterday' is no time"),
        ("tag=a tag=b", "tag is said twice"),
    ],
)
async def test_what_is_no_filter_is_refused(shell: Shell, word: str, said: str) -> None:
    ended = await shell("runs", "search", word)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


async def test_a_run_is_drawn(shell: Shell, publish: Publish, tmp_path: Path) -> None:
    run_id = await started(shell, await publish(WAITS))
    assert "flowchart TD" in (await shell.done("runs", "graph", run_id)).lines
    output = tmp_path / "run.dot"
    written = await shell.done("runs", "graph", run_id, "--format", "dot", "-o", str(output))
    assert written.out == ""
    assert output.read_text().startswith("digraph")
    assert (await shell("runs", "graph", run_id, "-o", str(tmp_path))).code == 1


async def test_a_run_that_is_not_there(shell: Shell) -> None:
    for words in (("show",), ("explain",), ("watch",), ("events",), ("graph",), ("pause",), ("cancel",)):
        ended = await shell("runs", *words, f"wfr_{uuid4()}")
        assert (ended.code, ended.out) == (4, "")
        assert "(NOT_FOUND, run_not_found)" in ended.err


async def test_a_watch_goes_on_when_it_is_cut_off(desk: Desk, shell: Shell, publish: Publish) -> None:
    from service.console.exits import Failed
    from service.console.session import Session
    from service.console.settings import Settings
    from service.console.watching import changes

    run_id = await started(shell, await publish(AT_ONCE))
    await shell.done("runs", "wait", run_id)

    class Cut(Session):
        """Every stream is cut off after its second message."""

        def stream(self, rpc, timeout_seconds, **fields):  # type: ignore[no-untyped-def]
            for at, each in enumerate(super().stream(rpc, timeout_seconds, **fields), 1):
                yield each
                if at == 2 and each.event.operation != "completed":
                    raise Failed("cut", about={"try_again": True})

    def look() -> list[int]:
        with Cut(Settings(desk.address)) as session:
            return [each.sequence for each in changes(session, run_id, 0, None)]

    import asyncio

    sequences = await asyncio.to_thread(look)
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 2
