"""The page of errors has every reason that the source has, and no other."""

import re
from pathlib import Path

from tests.docs.reasons import SOURCE, refusals, wrong_fields

PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text()
OF_FIELDS = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", PAGE.split("## Wrong fields")[1]))


def test_every_refusal_is_listed_under_its_status() -> None:
    assert set(re.findall(r"^\| ([A-Z_]+) \| `(\w+)` \|", PAGE, re.MULTILINE)) == refusals()


def test_every_reason_of_a_field_is_listed() -> None:
    assert wrong_fields() <= OF_FIELDS


def test_every_listed_reason_of_a_field_exists() -> None:
    """Some are given by way of a variable, so their words are looked for."""
    words = set(re.findall(r'"(\w+)"', "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))))
    assert OF_FIELDS - {"objective_id"} <= words
