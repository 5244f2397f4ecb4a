"""What agents say to people in the changes of their objectives."""

from typing import Any

import pytest

from service.bus.fields import MAX_TEXT_BYTES
from service.bus.said import MAX_CHOICES, said
from service.domain.limits import MAX_KEY_BYTES

CHOICES = ["Team", "Scale"]


def told(kind: str, text: str = "Which plan?", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "text": text, **more}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"interaction": told("question")}, told("question")),
        ({"interaction": told("notice", choices=CHOICES)}, told("notice")),
        ({"interaction": told("agent_request")}, told("agent_request")),
        ({"interaction": told("question", choices=CHOICES)}, told("choice", choices=CHOICES)),
        ({"interaction": told("choice", choices=[])}, told("question")),
        ({"interaction": told("notice"), "question": "And now?"}, told("notice")),
        ({"question": "Which plan?"}, told("question")),
        ({"question": "Which plan?", "choices": CHOICES}, told("choice", choices=CHOICES)),
        ({"question": None, "notice": "Which plan?"}, told("notice")),
        ({"agent_request": "Which plan?"}, told("agent_request")),
        ({"notice": "x" * MAX_TEXT_BYTES}, told("notice", "x" * MAX_TEXT_BYTES)),
    ],
)
def test_what_is_said(record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert said(record) == expected


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"choices": CHOICES},
        {"question": ""},
        {"question": " \n"},
        {"question": 5},
        {"question": "nul\0"},
        {"question": "\ud800"},
        {"notice": "é" * MAX_TEXT_BYTES},
        {"interaction": told("shout")},
        {"interaction": told("question") | {"kind": ["question"]}},
        {"interaction": told("question") | {"text": {"en": "?"}}},
        {"interaction": "question", "choices": CHOICES},
        {"interaction": {}, "question": "Which plan?"},
    ],
)
def test_what_cannot_be_read_is_not_said(record: dict[str, Any]) -> None:
    assert said(record) is None


@pytest.mark.parametrize(
    "choices",
    ["Team", {"a": "Team"}, ["Team", 5], ["Team", " "], ["Team", "x" * (MAX_KEY_BYTES + 1)], ["a"] * (MAX_CHOICES + 1)],
)
def test_a_question_stands_without_choices_that_cannot_be_shown(choices: Any) -> None:
    assert said({"question": "Which plan?", "choices": choices}) == told("question")
