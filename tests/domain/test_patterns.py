"""Patterns: matching one by one and by enumeration agree, and malformed ones say why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.patterns import generalizations, malformed, matches, subject_matches


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("", "anything.at.all", True),
        ("", "", True),
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.b", "a.b.c", False),
        ("a.b.c", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("*", "a", True),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c.d", True),
        ("a.>", "a", False),
        ("a.>", "b.c", False),
        (">", "a", True),
        ("a.*.>", "a.b.c", True),
        ("a.*.>", "a.b", False),
    ],
)
def test_matches(pattern: str, subject: str, expected: bool) -> None:
    assert matches(pattern, subject) is expected


@pytest.mark.parametrize("pattern", ["", "a", "*", ">", "a.*.c", "a.b.>", ".".join("abcdefghij"), "a.é-_1"])
def test_well_formed(pattern: str) -> None:
    assert malformed(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (".".join("abcdefghijk"), "more than 10 tokens"),
        ("a" * 257, "longer than 256"),
        ("a..b", "empty token"),
        (".", "empty token"),
        ("a.", "empty token"),
        (">.a", "before its last"),
        ("a.b*", "wildcard with text"),
        ("a.**", "wildcard with text"),
        ("a.>>", "wildcard with text"),
        ("a b.c", "blank"),
        ("a.\n", "control"),
        ("a.\0", "control"),
    ],
)
def test_malformed(pattern: str, why: str) -> None:
    assert why in str(malformed(pattern))


def test_generalizations_of_a_short_subject() -> None:
    assert generalizations("a.b") == ("", "a.b", "a.*", "*.b", "*.*", ">", "a.>", "*.>")


def test_a_long_subject_has_only_open_patterns() -> None:
    found = generalizations(".".join("abcdefghijkl"))
    assert all(pattern == "" or pattern.endswith(">") for pattern in found)
    assert "a.b.c.d.e.f.g.h.i.>" in found
    assert max(pattern.count(".") + 1 for pattern in found) == 10


@pytest.mark.parametrize(("tokens", "count"), [(10, 2048), (11, 1024), (60, 1024), (256, 1024)])
def test_no_subject_has_too_many_generalizations(tokens: int, count: int) -> None:
    assert len(generalizations(".".join("abcdefgh"[number % 8] for number in range(tokens)))) == count


def test_a_subject_of_long_tokens_has_no_pattern_that_could_not_be_published() -> None:
    found = generalizations(".".join(letter * 50 for letter in "abcdefghij"))
    assert len(found) == 1025
    assert not any(malformed(pattern) for pattern in found)


tokens = st.sampled_from(["a", "b", "c"])
patterns = st.builds(
    lambda head, tail: ".".join(head + tail),
    st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=9),
    st.sampled_from([[], [">"]]),
)


@given(patterns, st.lists(tokens, min_size=1, max_size=12).map(".".join))
def test_enumeration_finds_exactly_what_matches(pattern: str, subject: str) -> None:
    assert (pattern in generalizations(subject)) is matches(pattern, subject)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("siphon.tap.acme.gmail.received", True),
        ("siphon.tap.gmail.received", True),
        ("siphon.tap.gmail.>", True),
        ("contacts.7", True),
        ("", True),
        ("siphon.gmail.received", False),
        ("contacts.8", False),
    ],
)
def test_either_subject_may_match(pattern: str, expected: bool) -> None:
    assert subject_matches(pattern, "siphon.tap.acme.gmail.received", "contacts.7") is expected


@pytest.mark.parametrize(("bus", "own"), [("", ""), ("objectives.changes", ""), ("siphon.tap.acme", "")])
def test_no_tenant_is_taken_out_elsewhere(bus: str, own: str) -> None:
    assert not subject_matches("siphon.tap", bus, own)
    assert not subject_matches("objectives", bus, own)
    assert subject_matches("", bus, own)
