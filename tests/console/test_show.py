"""What the terminal gets: whole ids, cut texts, dropped columns, and nothing that it would obey."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from workflows.ops.v1 import runs_pb2 as ops

from service.console import json_answers, moments, run_views, show
from service.console.exits import Failed
from service.console.show import Column

ROWS = [("wfr_0123456789", "a long text that can be cut " * 3, "last")]
COLUMNS = (
    Column("id", lambda row: row[0], keep=True),
    Column("text", lambda row: row[1]),
    Column("more", lambda row: row[2]),
)


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, rows: Any = ROWS) -> list[str]:
    """As a terminal of that width shows it."""
    file = StringIO()
    monkeypatch.setattr(show, "console", lambda _=None: Console(file=file, width=width, markup=False, highlight=False))
    show.table(COLUMNS, rows, "nothing")
    return file.getvalue().splitlines()


def test_a_narrow_terminal_cuts_then_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(monkeypatch, 200)[1].split()[-1] == "last"
    cut = drawn(monkeypatch, 50)
    assert "\N{HORIZONTAL ELLIPSIS}" in cut[1]
    assert cut[1].endswith("last")
    assert drawn(monkeypatch, 30)[0].split() == ["ID", "TEXT"]
    assert drawn(monkeypatch, 20)[1].split() == ["wfr_0123456789"]
    assert "".join(drawn(monkeypatch, 8)[1:]).replace(" ", "") == "wfr_0123456789"
    assert drawn(monkeypatch, 80, []) == ["nothing"]
    assert drawn(monkeypatch, 80, [("", "text", "")])[0].split() == ["ID", "TEXT"]


def test_values_are_neither_markup_nor_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    [_, row] = drawn(monkeypatch, 80, [("[red]x[/red]", "a\x1b[2J\x07b\nc", ":smile:")])
    assert row.split() == ["[red]x[/red]", "a\ufffd[2J\ufffdb", "c", ":smile:"]


def test_json_spells_out_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a\x9b": "\x1b]0;mine\x07 \x7f\x9b31m\u202e\n \xe9 \U0001f600"}
    json_answers.document(value)
    json_answers.json_line(value)
    document, line = capsys.readouterr().out.rsplit("\n", 2)[:2]
    for text in (document, line):
        assert json.loads(text) == value
        assert all(each.isprintable() for each in text.splitlines())
    assert "\xe9 \U0001f600" in line


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_gets_no_raw_commands(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    show.raw("a\x1b[2J\nb")
    assert capsys.readouterr().out == ("a\ufffd[2J\nb\n" if terminal else "a\x1b[2J\nb\n")


def test_a_pipe_gets_no_colour_and_no_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(COLUMNS, [("COMPLETED", "x" * 300, "")], "")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "x" * 300 in out
    assert all(line == line.rstrip() for line in out.splitlines())


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("15m", 900), ("1h30m", 5400), ("7d", 604_800), ("1w", 604_800)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert moments.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1x", "-1", "1.5h", "h", "9" * 5_000 + "s", "1s" * 5_000])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Failed):
        moments.seconds(text)


@pytest.mark.parametrize("seconds", [1, 59, 60, 3_600, 5_400, 86_400, 90_061, 604_800])
def test_what_is_written_exactly_is_read_back(seconds: int) -> None:
    assert moments.span(moments.exactly(seconds)) == seconds


def test_times_are_read_and_told() -> None:
    assert moments.ago("2026-11-03T09:14:00+01:00") == "2026-11-03T08:14:00Z"
    two_hours_ago = datetime.fromisoformat(moments.ago("2h") or "")
    assert timedelta(hours=2) <= datetime.now(UTC) - two_hours_ago < timedelta(hours=2, minutes=5)
    assert datetime.fromisoformat(moments.ahead("2h") or "") > datetime.now(UTC)
    for text in ("yesterday", "999999999d"):
        with pytest.raises(Failed):
            moments.ago(text)
    now = datetime(2026, 11, 3, tzinfo=UTC)
    ages = [moments.age(now - timedelta(seconds=each), now) for each in (0, 59.6, 3_599, 90_000, -604_799)]
    assert ages == ["0s ago", "1m ago", "1h ago", "1d ago", "in 7d"]


def test_a_preview_names_the_child_runs_that_undo_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [
        ops.PlannedCompensation(step_id="send", compensation_step_id="unsend"),
        ops.PlannedCompensation(step_id="pay", child_run_ids=["wfr_2", "wfr_1"], attempted_before=True),
    ]
    run_views.preview(ops.PreviewCompensationResponse(levels=[ops.CompensationLevel(steps=steps)]))
    _, send, pay = capsys.readouterr().out.splitlines()
    assert send.split() == ["1", "send", "unsend"]
    assert pay.split() == ["1", "pay", "wfr_2,", "wfr_1", "yes"]
