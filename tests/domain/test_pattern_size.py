"""What a pattern costs to compile, told from its text: on the high side, whatever the text is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.pattern_size import pattern_size


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("", 0, 0),
        ("^[a-z]+$", 4, 50),
        ("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", 36, 1_000),
        ("x{1000}", 1_000, 3_000),
        ("(?:x{0,30}){0,30}", 900, 3_000),
        ("((a{10}){10}){10}", 1_000, 4_000),
        ("a{900}|b{900}", 1_800, 5_000),
        (r"\pL{500}", 500_000, 1_000_000),
        (r"[\pL]{500}", 500_000, 1_000_000),
        (r"a\{900}", 1, 30),
        ("[{900}]", 1, 30),
    ],
)
def test_repetitions_multiply_what_they_repeat(pattern: str, least: int, most: int) -> None:
    assert least <= pattern_size(pattern) <= most


@given(st.text(alphabet="ab(){}[]\\^$|?*+.,0123456789pL\n\xe9", max_size=300))
def test_whatever_the_text_is_it_has_a_size(text: str) -> None:
    assert 0 <= pattern_size(text) <= 1_000_000_000


def test_a_deep_or_long_text_takes_no_time() -> None:
    assert pattern_size("(" * 100_000) == pattern_size(")" * 100_000) == 0
    assert pattern_size("(" * 500 + "a" + "){9}" * 500) == 1_000_000_000
    assert pattern_size("a" * 100_000) == 200_000
