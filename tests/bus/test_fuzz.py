"""Recorded messages with bytes and headers changed at random: an event or Poison, never anything else."""

import random
from collections import Counter

import pytest

from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.commands import BusEvent
from tests.bus.recorded import RECORDED, Recorded

MUTANTS = 400
NASTY = [b"\0", b"\xff", b"{", b"[" * 2_000, b'"', b"\\ud800", b"NaN", b"1e999", b"9" * 5_000, b"null", b"\n", b"%00"]


def _mutate(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    until = min(len(data), at + chance.randrange(8))
    choice = chance.randrange(4)
    if choice == 0:
        return data[:at] + data[until:]
    if choice == 1:
        return data[:at] + data[at:until] * 3 + data[until:]
    if choice == 2:
        return data[:at] + chance.choice(NASTY) + data[until:]
    return data[:at] + chance.randbytes(1 + chance.randrange(4)) + data[until:]


def _mutate_headers(headers: dict[str, str], chance: random.Random) -> dict[str, str]:
    if not headers or chance.random() < 0.7:
        return headers
    name = chance.choice(sorted(headers))
    return headers | {name: _mutate(headers[name].encode(), chance).decode(errors="replace")}


@pytest.mark.parametrize("record", RECORDED, ids=lambda record: record.name)
def test_mutants_are_events_or_poison(record: Recorded) -> None:
    chance = random.Random(record.name)
    outcomes: Counter[str] = Counter()
    for _ in range(MUTANTS):
        headers = _mutate_headers(record.headers, chance)
        body = record.body
        for _ in range(chance.randrange(3)):
            body = _mutate(body, chance)
        try:
            event = parse(record.subject, headers, body)
        except Poison as poison:
            outcomes[poison.reason] += 1
        else:
            assert isinstance(event, BusEvent)
            assert all(text.strip() for text in (event.id, event.source, event.type, event.tenant))
            outcomes["event"] += 1
    assert len(outcomes) > 1 or record.expect.get("poison"), outcomes
