"""What reaches people at a terminal: tables, pages of named values, and lines.

Values come from other people, so nothing in them is taken for markup or for control characters. A table that is wider
than the terminal first cuts long texts, then drops its last columns, never those marked `keep`: an id is shown whole or
not at all cut. A column in which nothing stands is left out. Without a terminal nothing is cut and nothing is coloured.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

import rich.table
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from service.console import contract, json_answers, moments

WIDE = 100_000
_LEAST = 12  # characters that a column is cut to before the table drops one
_GAP = 2
_STYLES = {
    "OK": "green",
    "WARNING": "yellow",
    "COMPLETED": "green",
    "ROUTED": "green",
    "COMPENSATED": "green",
    "FAILED": "red",
    "REJECTED": "red",
    "STILL_POISON": "red",
    "RUNNING": "cyan",
    "CLAIMED": "cyan",
    "COMPENSATING": "magenta",
    "WAITING": "yellow",
    "PAUSED": "yellow",
    "OPEN": "yellow",
    "CANCELLED": "dim",
    "SKIPPED": "dim",
    "PENDING": "dim",
}


class Column(NamedTuple):
    title: str
    cell: Callable[[Any], str]
    keep: bool = False
    right: bool = False


def console(file: TextIO | None = None) -> Console:
    file = file or sys.stdout
    return Console(file=file, highlight=False, markup=False, emoji=False, width=None if file.isatty() else WIDE)


def table(columns: Sequence[Column], rows: Iterable[Any], empty: str) -> None:
    """`empty` is said where there are no rows."""
    screen = console()
    cells = [[plain(column.cell(row)) for column in columns] for row in rows]
    if not cells:
        screen.print(empty, style="dim")
        return
    widths = _fitting(columns, cells, screen.width)
    drawn = rich.table.Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for at, width in widths.items():
        column = columns[at]
        drawn.add_column(
            column.title.upper(),
            width=width,
            no_wrap=not column.keep,
            overflow="fold" if column.keep else "ellipsis",
            justify="right" if column.right else "left",
        )
    for row in cells:
        drawn.add_row(*(coloured(row[at]) for at in widths))
    _draw(screen, drawn)


def page(values: Iterable[tuple[str, str]]) -> None:
    """Named values below each other; empty ones are left out."""
    screen = console()
    drawn = rich.table.Table.grid(padding=(0, _GAP, 0, 0))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in values:
        if value:
            drawn.add_row(name, coloured(plain(value, lines=True)))
    _draw(screen, drawn)


def more(shown: int, offset: int, total: int) -> None:
    """Says beside a list that there is more of it."""
    if offset + shown < total:
        say(f"{offset + 1} to {offset + shown} of {total}; --offset {offset + shown} goes on")


def difference(text: str) -> None:
    """As `diff -u` tells it."""
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for each in text.splitlines():
        line(each, styles.get(each[:1], ""))


def heading(text: str) -> None:
    console().print(f"\n{plain(text)}", style="bold")


def line(text: str, style: str = "") -> None:
    """One line of the answer."""
    console().print(coloured(plain(text, lines=True)) if not style else Text(plain(text), style), soft_wrap=True)


def say(*lines: str) -> None:
    """Beside the answer, on stderr."""
    screen = console(sys.stderr)
    for each in lines:
        screen.print(plain(each), soft_wrap=True)


def raw(text: str) -> None:
    """As it is, for files and other programs; a terminal gets nothing that it would obey."""
    text = text if text.endswith("\n") else text + "\n"
    sys.stdout.write(plain(text, lines=True) if sys.stdout.isatty() else text)


def coloured(text: str) -> Text:
    return Text(text, style=_STYLES.get(text, ""))


def plain(text: str, *, lines: bool = False) -> str:
    """Without what a terminal would obey; on one line unless `lines` may stay."""
    if not lines:
        text = " ".join(text.split("\n"))
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _draw(screen: Console, drawn: rich.table.Table) -> None:
    """Files and pipes get no blanks at the ends of lines."""
    if screen.is_terminal:
        screen.print(drawn)
        return
    with screen.capture() as captured:
        screen.print(drawn)
    screen.file.writelines(f"{each.rstrip()}\n" for each in captured.get().splitlines())


def _fitting(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> dict[int, int]:
    """The columns that there is room for, with their widths."""
    filled = [at for at, each in enumerate(columns) if each.keep or any(row[at] for row in cells)]
    widths = {at: max(len(columns[at].title), *(len(row[at]) for row in cells)) for at in filled}
    free = [at for at in widths if not columns[at].keep]
    while _total(widths) > room and free:
        widest = max(free, key=lambda at: widths[at])
        if widths[widest] > _LEAST:
            widths[widest] -= 1
        else:
            del widths[free.pop()]
    while _total(widths) > room and max(widths.values()) > 1:  # ids alone: they go on in the next line
        widths[max(widths, key=lambda at: widths[at])] -= 1
    return widths


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


# --- values -----------------------------------------------------------------------------------------------------------


def word(message: Any, field: str) -> str:
    """The enum's value without its prefix; empty for the unspecified one."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    number = getattr(message, field)
    value = enum.values_by_number.get(number)
    name = value.name if value else str(number)
    return "" if number == 0 else name.removeprefix(contract.prefix(enum))


def when(message: Message, field: str) -> str:
    """Local time with its age; empty where it is not set."""
    if not message.HasField(field):
        return ""
    moment = getattr(message, field).ToDatetime(UTC)
    return moments.written(moment, datetime.now(UTC))


def age(message: Message, field: str) -> str:
    """Only how long ago, for tables."""
    if not message.HasField(field):
        return ""
    return moments.age(getattr(message, field).ToDatetime(UTC), datetime.now(UTC))


def took(message: Message, start: str, end: str) -> str:
    if not message.HasField(start) or not message.HasField(end):
        return ""
    span = getattr(message, end).ToDatetime(UTC) - getattr(message, start).ToDatetime(UTC)
    return f"{span.total_seconds():.1f}s" if span.total_seconds() < 10 else moments.duration(span.total_seconds())


def cost(usd: float) -> str:
    return f"${usd:.4f}".rstrip("0").rstrip(".") if usd else ""


def payload(message: Message, field: str) -> str:
    return json_answers.compact(json_answers.as_json(getattr(message, field))) if message.HasField(field) else ""
