"""W3C Trace Context as it is read and told: what cannot be read is no trace, whatever it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.trace import MAX_STATE, read, told

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATE = "congo=t61rcWkgMzE,tenant@rojo=00f067aa0ba902b7"


def test_a_parent_goes_on_as_it_came() -> None:
    assert read(PARENT) == PARENT
    assert told(PARENT) == {"traceparent": PARENT}


def test_a_state_goes_with_its_parent() -> None:
    assert told(read(PARENT, STATE)) == {"traceparent": PARENT, "tracestate": STATE}
    assert told(read(PARENT, " , " + STATE.replace(",", " ,\t") + ",")) == {"traceparent": PARENT, "tracestate": STATE}
    assert told("") == {}


@pytest.mark.parametrize(
    "parent",
    [
        None,
        7,
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "",
        "00",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f"{PARENT}0",
        f"ff{PARENT[2:]}",
        f"0g{PARENT[2:]}",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4bf92f3577b34da6a3ce929d0e0e473\uff16-00f067aa0ba902b7-01",
        f"{PARENT}\0",
        f"{PARENT},{PARENT}",
    ],
)
def test_what_is_no_parent_is_no_trace(parent: object) -> None:
    assert read(parent, STATE) == ""


@pytest.mark.parametrize(
    "state",
    [
        None,
        7,
        "",
        ",",
        "novalue",
        "UPPER=1",
        "a=",
        "a=b=c",
        "a=\0",
        "a=ü",
        f"a={'x' * 257}",
        f"{'a' * 257}=x",
        ",".join(f"a{number}=1" for number in range(33)),
        ",".join(f"a{number}={'x' * 30}" for number in range(16)),
    ],
)
def test_a_state_that_cannot_be_read_leaves_the_parent(state: object) -> None:
    assert read(PARENT, state) == PARENT


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read(f"cc{PARENT[2:]}") == PARENT
    assert read(f"cc{PARENT[2:]}-what-the-future-brings") == PARENT
    assert read(f"{PARENT[:-2]}ff") == f"{PARENT[:-2]}03"


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.*") | st.none(), st.text())
def test_nothing_breaks_it_and_what_was_read_is_read_again_the_same(parent: Any, state: str) -> None:
    trace = read(parent, state)
    fields = told(trace)
    assert read(fields.get("traceparent"), fields.get("tracestate")) == trace
    assert trace.isascii()
    assert trace.isprintable()
    assert len(trace) <= 56 + MAX_STATE
