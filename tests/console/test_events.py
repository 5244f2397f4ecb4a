"""`workflows events`: what was heard, what could not be read, and saying ours again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from tests.console.files import person
from tests.console.shell import Desk, Ended, Shell
from tests.world import WORKSPACE


async def until(look: Callable[[], Awaitable[Ended]], wanted: Callable[[Ended], bool]) -> Ended:
    """The bus tells nobody when it has handed a message out, so it is looked at again."""
    async with asyncio.timeout(60):
        while not wanted(found := await look()):
            pass
    return found


HEARS = """
workspace: {workspace}
name: {name}
steps:
  - {{id: hear, type: wait_for_event, event_type_pattern: siphon.tap.console.said}}
"""


async def test_an_event_is_listed_and_shown(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path, text=HEARS)
    await shell.done("definitions", "apply", "-f", str(path))
    await shell.done("runs", "start", name)
    event_id = await desk.world.say("siphon.tap.console.said", {"a": 1})
    words = ("events", "list", "--type", "siphon.tap.console", "--since", "1h")
    listed = await until(lambda: shell.done(*words), lambda ended: "ROUTED" in ended.out)
    assert listed.cell("ID") == event_id
    shown = await shell.done("events", "show", "tests", event_id)
    assert any(line.split() == ["payload", '{"a":1}'] for line in shown.lines)
    assert (await shell("events", "show", "tests", "no-such-event")).code == 4


STARTS = """
workspace: {workspace}
name: {name}
trigger: {{type: event, event_type: console.order.placed}}
steps:
  - {{id: hear, type: wait_for_event, event_type_pattern: console.order.paid}}
"""


async def test_an_event_is_handed_in(shell: Shell, tmp_path: Path) -> None:
    path, _ = person(tmp_path, text=STARTS)
    await shell.done("definitions", "apply", "-f", str(path))
    words = ("events", "trigger", "--type", "console.order.placed", "-i", '{"amount": 250}', "--key", str(uuid4()))
    [said] = (await shell.done(*words)).lines
    verb, run_id, state = said.split()
    assert (verb, state) == ("started", "RUNNING")
    assert (await shell.done(*words)).lines == [said]
    assert 'input       {"amount":250}' in (await shell.done("runs", "show", run_id, "--payloads")).lines
    moved = await shell.done("events", "trigger", "--type", "console.order.paid", "--id", str(uuid4()), "--json")
    assert [run["id"] for run in moved.json["updated_runs"]] == [run_id]
    nobody = await shell.done("events", "trigger", "--as", "webhook", "--tap-provider", "nobody")
    assert nobody.lines == ["nothing is started by it, and nothing waits for it"]
    assert "event_type: is required" in (await shell("events", "trigger")).err
    assert "'manually' is none of" in (await shell("events", "trigger", "--as", "manually")).err


async def test_a_dead_letter_is_read_replayed_and_discarded(desk: Desk, shell: Shell) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "", "ce-tenantid": WORKSPACE, "content-type": "application/json"}
    subject = f"siphon.tap.{uuid4()}"
    await desk.world.bus.jetstream().publish(subject, b"\x1b[2J not json", headers=headers)
    words = ("events", "dead-letters", "--json")
    found = (await until(lambda: shell.done(*words), lambda ended: subject in ended.out)).json
    letter = str(next(each["id"] for each in found["letters"] if each["bus_subject"] == subject))
    shown = await shell.done("events", "dead-letter", letter)
    assert "\x1b" not in shown.out
    assert "not json" in shown.out
    assert (await shell.done("events", "replay", letter)).lines[0].startswith(f"{letter} STILL_POISON (")
    unasked = await shell("events", "discard", letter)
    assert unasked.code == 2
    assert "--yes says that it may" in unasked.err
    assert (await shell.done("events", "discard", letter, "--yes")).lines == [f"{letter} discarded"]
    assert (await shell("events", "dead-letter", letter)).code == 4


async def test_our_own_events_are_published_again(desk: Desk, shell: Shell, tmp_path: Path) -> None:
    path, name = person(tmp_path)
    await shell.done("definitions", "apply", "-f", str(path))
    run_id = (await shell.done("runs", "start", name, "--json")).json["id"]
    await desk.world.until_step(run_id, "look", "WAITING")
    happened = len((await shell.done("runs", "events", run_id, "--json")).json["events"])
    words = ("events", "republish", "--since", "1h", "--run", run_id)
    dry = await until(lambda: shell.done(*words, "--dry-run"), lambda ended: ended.out.startswith(f"{happened} "))
    assert dry.lines == [f"{happened} events would be published again"]
    assert (await shell(*words)).code == 2
    assert (await shell.done(*words, "--yes")).lines == [f"{happened} events are published again"]
