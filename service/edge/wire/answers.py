"""Responses as bytes that fit into one message.

A client accepts 4 MiB unless told otherwise. What does not fit is left out and named, and `rpc.trailers` says so beside
the answer; nothing is dropped silently. Called by those who render lists, runs and what strangers sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from service.edge.wire import framing

MAX_ANSWER_BYTES = 4 * 1024 * 1024 - 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The response's bytes, and the paths of what had to be left out of it."""

    data: bytes
    left_out: tuple[str, ...] = ()


class Rows:
    """The rows of a list, field 1 of every list's response, as long as they fit."""

    def __init__(self, max_bytes: int) -> None:
        self._room = max_bytes
        self._rows: list[bytes] = []

    def add(self, row: bytes) -> bool:
        """False when there is no room for it any more."""
        framed = framing.field(1, row)
        self._room -= len(framed)
        if self._room >= 0:
            self._rows.append(framed)
        return self._room >= 0

    def answer(self, wanted: int, total: int) -> Answer:
        """`wanted` is how many rows there were to add. The total is field 2."""
        got = len(self._rows)
        data = b"".join(self._rows) + framing.integer(2, total)
        return Answer(data, (f"rows[{got}:{wanted}]",) if got < wanted else ())


def listed(rendered: Iterable[bytes], wanted: int, total: int, max_bytes: int = MAX_ANSWER_BYTES) -> Answer:
    """As many of the rows as fit; those after the first that does not are not even rendered."""
    rows = Rows(max_bytes)
    for row in rendered:
        if not rows.add(row):
            break
    return rows.answer(wanted, total)
