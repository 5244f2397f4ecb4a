"""A dead letter that is read once more."""

from collections.abc import Mapping

import pytest

from service.bus import letters
from service.bus.letters import reread

HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "e1",
    "ce-type": "orders.made",
    "ce-source": "other",
    "ce-tenantid": "acme",
}


def test_what_can_be_read_by_now_is_an_event() -> None:
    event = reread("orders.made", HEADERS, b'{"n": 1}')
    assert not isinstance(event, str)
    assert (event.id, event.tenant, event.payload, event.bus_subject) == ("e1", "acme", {"n": 1}, "orders.made")


def test_what_still_cannot_is_a_reason() -> None:
    assert reread("orders.made", {}, b"{") == "bad_json"


def test_what_breaks_the_reader_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bus_subject: str, headers: Mapping[str, str], body: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr(letters, "parse", broken)
    assert reread("orders.made", HEADERS, b"{}") == "unreadable"
