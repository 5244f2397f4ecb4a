"""The demo, as people run it: both runs completed, told in the order in which things happen."""

import re
import subprocess
import sys

import pytest

LONGEST_SECONDS = 180


@pytest.fixture(scope="module")
def shown() -> str:
    """What the demo says where nobody watches: one line per change."""
    command = [sys.executable, "-m", "service.cli", "demo"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def chapter(shown: str, first: str, then: str) -> str:
    return shown.split(f"\n{first}\n")[1].split(f"\n{then}\n")[0]


def changes(told: str) -> list[tuple[str, str]]:
    return re.findall(r"^  ([a-z-]+) +([A-Z]+)", told, re.MULTILINE)


def in_order(wanted: list[tuple[str, str]], told: list[tuple[str, str]]) -> bool:
    rest = iter(told)
    return all(change in rest for change in wanted)


def test_the_high_value_lead_is_approved_before_the_outreach(shown: str) -> None:
    told = chapter(shown, "A lead worth $85,000", "What was heard on the bus")
    path = ["research-company", "qualify-lead", "approve-high-value", "send-outreach", "wait-for-reply"]
    assert in_order([(step, "COMPLETED") for step in path], changes(told))
    assert ("approve-high-value", "WAITING") in changes(told)
    assert told.index("replies: siphon.tap.gmail.message.received") < told.index("COMPLETED, $0.063")


def test_every_event_of_the_run_is_listed_in_order(shown: str) -> None:
    told = chapter(shown, "What was heard on the bus", "The path it took")
    events = re.findall(r"^ +(\d+) +workflows\.changes\.(\S+)", told, re.MULTILINE)
    assert [int(sequence) for sequence, _ in events] == list(range(1, len(events) + 1))
    assert (events[0][1], events[-1][1]) == ("run.started", "run.completed")


def test_the_picture_shows_the_way_that_was_taken(shown: str) -> None:
    told = chapter(shown, "The path it took", "A lead worth $20,000")
    assert "flowchart TD" in told
    assert re.search(r's\d ==>\|"high-value"\| s\d', told)
    assert re.search(r's\d -\.->\|"standard"\| s\d', told)


def test_the_standard_lead_skips_the_approval(shown: str) -> None:
    told = chapter(shown, "A lead worth $20,000", "Done")
    assert in_order([("approve-high-value", "SKIPPED"), ("wait-for-reply", "COMPLETED")], changes(told))
    assert "COMPLETED, $0.063" in told
