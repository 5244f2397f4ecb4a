"""Looking for what an earlier call of unknown outcome may have made, before it is made again.

A search walks the pages of the sibling's own list. What it finds is answered as if it had just been made. A sibling
that cannot be searched, or whose list is longer than anybody should read, is called again under the same key, which it
may remember; but while nobody knows whether it answers, the call waits. Too long is also what takes half of the time
that the call has: else it could never be made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from service.domain.answers import Answer, Fault, FaultKind
from service.siblings.connections import Line
from service.siblings.method import SiblingMethod

PAGE_SIZE = 500
MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`size` counts what was listed, `total` is the sibling's own count, 0 where it does not say."""

    size: int
    total: int
    found: Answer | None


@dataclass(frozen=True, slots=True)
class Search:
    """`request` asks for the page of at most PAGE_SIZE that begins at an offset."""

    method: SiblingMethod[Any, SearchPage]
    request: Callable[[int], Message]


async def find(line: Line, search: Search) -> Answer | Fault | None:
    """What was made, a transport fault, or None when nothing was found or nothing can be."""
    offset = 0
    for _ in range(MAX_PAGES):
        page = await line.look_up(search.method, search.request(offset))
        if isinstance(page, Fault):
            return page if page.kind is FaultKind.TRANSPORT else None
        offset += page.size
        if page.found is not None or page.size == 0 or offset == page.total:
            return page.found
        if line.half_gone:
            return None
    return None
