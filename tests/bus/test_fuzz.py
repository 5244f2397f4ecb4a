"""Recorded messages, changed at random by a seed: an event that can be stored or a dead letter, never anything else."""

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import orjson
import pytest

from service.bus.connection import Connection
from service.bus.incoming import parse
from service.bus.poison import Poison
from service.domain.bus_event import BusEvent
from tests.bus.helpers import FakeSink, all_acked, listening
from tests.bus.recorded import RECORDED, Recorded

MUTANTS = 400
ON_THE_BUS = 8
NASTY = [b"\0", b"\xff", b"{", b"[" * 2_000, b'"', b"\\ud800", b"NaN", b"1e999", b"9" * 5_000, b"null", b"\n", b"%00"]
STRANGE: list[Any] = [None, True, -1, 1e999, 10**400, "", " ", "\0", "\ud800", "x" * 5_000, [], {}, [[]], {"@type": 5}]


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


def _bytes_changed(record: Recorded, chance: random.Random) -> Recorded:
    body = record.body
    for _ in range(chance.randrange(3)):
        body = _mutate(body, chance)
    return replace(record, body=body)


def _headers_changed(record: Recorded, chance: random.Random) -> Recorded:
    if not record.headers:
        return record
    name = chance.choice(sorted(record.headers))
    value = _mutate(record.headers[name].encode(), chance).decode(errors="replace")
    return replace(record, headers=record.headers | {name: value})


def _mixed(record: Recorded, chance: random.Random) -> Recorded:
    """The headers of one with the body of another, or the beginning of one with the end of another."""
    other = chance.choice(RECORDED)
    if chance.random() < 0.3:
        return replace(record, headers=other.headers)
    cut = chance.randrange(len(record.body) + 1)
    return replace(record, body=record.body[:cut] + other.body[chance.randrange(len(other.body) + 1) :])


def _value_changed(record: Recorded, chance: random.Random) -> Recorded:
    """Still JSON, but for one value that is of another kind, missing, or of other bytes inside its base64."""
    try:
        event = json.loads(record.body)
    except ValueError:
        return _bytes_changed(record, chance)
    holder, key = chance.choice(list(_places(event)))
    if key == "data_base64" and chance.random() < 0.8:
        holder[key] = base64.b64encode(_mutate(base64.b64decode(holder[key]), chance)).decode()
    elif chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(STRANGE)
    return replace(record, body=json.dumps(event).encode())


def _places(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key
            yield from _places(item)


CHANGES: list[Callable[[Recorded, random.Random], Recorded]] = [
    _bytes_changed,
    _headers_changed,
    _mixed,
    _value_changed,
]


def _mutants(record: Recorded, count: int) -> Iterator[Recorded]:
    chance = random.Random(record.name)
    for _ in range(count):
        mutant = chance.choice(CHANGES)(record, chance)
        yield _bytes_changed(mutant, chance) if chance.random() < 0.3 else mutant


def _outcome(mutant: Recorded) -> str:
    try:
        event = parse(mutant.subject, mutant.headers, mutant.body)
    except Poison as poison:
        return poison.reason
    _can_be_stored(event)
    return "event"


def _can_be_stored(event: BusEvent) -> None:
    assert all(text.strip() for text in (event.id, event.source, event.type, event.tenant))
    stored = orjson.dumps(asdict(event), default=str)  # refuses lone surrogates
    assert b"\\u0000" not in stored.replace(b"\\\\", b"")


@pytest.mark.parametrize("record", RECORDED, ids=lambda record: record.name)
def test_mutants_are_events_or_poison(record: Recorded) -> None:
    outcomes = Counter(_outcome(mutant) for mutant in _mutants(record, MUTANTS))
    assert len(outcomes) > 1, outcomes


async def test_no_mutant_comes_back(bus: Connection, stream: str) -> None:
    sink = FakeSink()
    mutants = [mutant for record in RECORDED for mutant in _mutants(record, ON_THE_BUS)]
    expected = Counter(outcome for mutant in mutants if (outcome := _outcome(_as_sent(mutant, stream))) != "event")
    async with listening(bus, stream, sink) as listener:
        for mutant in mutants:
            await bus.jetstream.publish(f"{stream}.x", mutant.body, headers=_sendable(mutant) or None)
        await all_acked(bus, stream)
    assert Counter(grave.reason for grave in sink.graves) == expected
    assert len(sink.kept) + len(sink.graves) == len(mutants)
    assert {grave.raw for grave in sink.graves} <= {mutant.body for mutant in mutants}
    assert listener.counters["returned"] == 0


def _as_sent(mutant: Recorded, stream: str) -> Recorded:
    headers = {name: value.strip() for name, value in _sendable(mutant).items()}
    return replace(mutant, subject=f"{stream}.x", headers=headers)


def _sendable(mutant: Recorded) -> dict[str, str]:
    """Header values as a client sends them: without line breaks."""
    return {name: "".join(value.splitlines()) for name, value in mutant.headers.items()}
