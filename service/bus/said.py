"""What an agent wants people to read or answer, from the change of its objective.

Either an object `interaction` with `kind`, `text` and `choices`, or its shorthands: `question` (with `choices`),
`notice` and `agent_request`, each a text. A question that offers choices is a choice. Nothing here is worth losing the
report for, so what is malformed or too long is not said; a question then stands without its choices. Called by
`reports`.
"""

from collections.abc import Mapping
from typing import Any

from service.bus.fields import MAX_TEXT_BYTES, Record
from service.bus.poison import Poison
from service.bus.strict_json import clean
from service.domain.definition import Payload
from service.domain.limits import MAX_KEY_BYTES

MAX_CHOICES = 100
_QUESTIONS = ("question", "choice")
_SHORTHANDS = ("question", "notice", "agent_request")
_KINDS = (*_QUESTIONS, "notice", "agent_request")


def said(record: Record) -> Payload | None:
    """`kind` and `text`, and `choices` for a choice; None when nothing is said."""
    interaction = _interaction(record)
    kind, words = interaction.get("kind"), _words(interaction.get("text"), MAX_TEXT_BYTES)
    if kind not in _KINDS or not words:
        return None
    if kind not in _QUESTIONS:
        return {"kind": kind, "text": words}
    choices = _choices(interaction.get("choices"))
    return {"kind": "choice", "text": words, "choices": choices} if choices else {"kind": "question", "text": words}


def _interaction(record: Record) -> Record:
    """The object itself, or the first of its shorthands put as one."""
    given = record.get("interaction")
    if isinstance(given, Mapping):
        return given
    kind = next((kind for kind in _SHORTHANDS if record.get(kind) is not None), "")
    return {"kind": kind, "text": record.get(kind), "choices": record.get("choices")}


def _choices(value: Any) -> list[str]:
    """All of them or none: whoever answers must see everything there is to choose from."""
    if not isinstance(value, list) or len(value) > MAX_CHOICES:
        return []
    found = [_words(item, MAX_KEY_BYTES) for item in value]
    return found if all(found) else []


def _words(value: Any, limit: int) -> str:
    """Empty when this is no text that can be shown."""
    try:
        return value if isinstance(value, str) and value.strip() and len(clean(value).encode()) <= limit else ""
    except Poison:
        return ""
