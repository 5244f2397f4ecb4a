"""What a good answer says beside itself, in trailing metadata: what was left out of it, and warnings about a version.

Clients refuse trailers over 8 KiB, so both are cut to fit. Values are ASCII: step ids are, JSON escapes the rest.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from service.domain.errors import Violation
from service.edge.context import Context
from service.edge.wire.answers import Answer

TRUNCATED = "workflows-truncated"
WARNINGS = "workflows-warnings"
_MAX_BYTES = 3_000
_MAX_TEXT = 300


def whole(context: Context, answer: Answer) -> bytes:
    """The answer's bytes; says so when something had to be left out."""
    if answer.left_out:
        context.set_trailing_metadata((truncated(answer.left_out),))
    return answer.data


def truncated(paths: Sequence[str]) -> tuple[str, str]:
    """Comma-separated paths; `+12` at the end counts those that did not fit."""
    shown = _fitting(paths)
    more = [f"+{len(paths) - len(shown)}"] if len(shown) < len(paths) else []
    return TRUNCATED, ",".join(shown + more)


def warnings(found: Sequence[Violation]) -> tuple[str, str]:
    """A JSON list of field, reason and description."""
    return WARNINGS, f"[{','.join(_fitting(map(_warning, found)))}]"


def _warning(found: Violation) -> str:
    said: dict[str, Any] = {"field": found.path, "reason": found.reason, "description": found.message[:_MAX_TEXT]}
    return json.dumps(said)


def _fitting(texts: Iterable[str]) -> list[str]:
    shown, room = [], _MAX_BYTES
    for text in texts:
        room -= len(text) + 1
        if room < 0:
            break
        shown.append(text)
    return shown
