"""What a run that an event starts is about: the entity behind the record, the record itself, or nothing for now."""

from typing import Any

import pytest

from service.domain.answers import Fault, FaultKind
from service.domain.bus_event import Tap
from service.domain.errors import Kind, Refusal
from service.domain.subject import CanonicalEntity, Subject
from service.engine.subjects import SECONDS, Subjects

RECORD = Tap("hubspot", "contact", "101", "created")
AS_SAID = Subject("101", "contact")
DANA = CanonicalEntity("ent_dana", "ENTITY_TYPE_CONTACT", "Dana")
UNTYPED = CanonicalEntity("ent_dana", "", "Dana")
DOWN = Fault(FaultKind.TRANSPORT, "unavailable", "no answer")
UNSET = Fault(FaultKind.FAILED, "not_configured", "entities is not configured")
FORBIDDEN = Fault(FaultKind.FAILED, "permission_denied", "no")


class FakeDirectory:
    def __init__(self, found: CanonicalEntity | Fault | None) -> None:
        self._found = found
        self.asked: list[tuple[Any, ...]] = []

    async def canonical(self, *asked: Any) -> CanonicalEntity | Fault | None:
        raise AssertionError("a record is not asked for by an entity's id")

    async def resolve(self, *asked: Any) -> CanonicalEntity | Fault | None:
        self.asked.append(asked)
        return self._found


async def about(found: CanonicalEntity | Fault | None, tap: Tap = RECORD, *, required: bool = False) -> Subject:
    directory = FakeDirectory(found)
    subject = await Subjects(directory, required).of_record(tap, "ws_1")
    assert directory.asked == ([("hubspot", "101", "ws_1", SECONDS, "")] if tap.entity_id else [])
    return subject


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("found", "subject"),
    [(DANA, Subject("ent_dana", "ENTITY_TYPE_CONTACT")), (UNTYPED, Subject("ent_dana", "contact"))],
)
async def test_the_entity_behind_the_record(found: CanonicalEntity, subject: Subject, required: bool) -> None:
    assert await about(found, required=required) == subject


@pytest.mark.parametrize("found", [None, UNSET, FORBIDDEN])
async def test_whom_nobody_knows_is_recorded_as_the_tap_says(found: Fault | None) -> None:
    assert await about(found) == AS_SAID


async def test_an_owner_that_does_not_answer_is_waited_for() -> None:
    with pytest.raises(Refusal) as caught:
        await about(DOWN)
    assert (caught.value.kind, caught.value.reason) == (Kind.UNAVAILABLE, "entities_unavailable")


@pytest.mark.parametrize(
    ("found", "kind", "reason"),
    [
        (None, Kind.CONFLICT, "unknown_entity"),
        (DOWN, Kind.UNAVAILABLE, "entities_unavailable"),
        (UNSET, Kind.UNAVAILABLE, "entities_unavailable"),
        (FORBIDDEN, Kind.UNAVAILABLE, "entities_unavailable"),
    ],
)
async def test_where_entities_are_required(found: Fault | None, kind: Kind, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        await about(found, required=True)
    assert (caught.value.kind, caught.value.reason) == (kind, reason)


async def test_a_change_of_no_record_asks_nobody() -> None:
    assert await about(DOWN, Tap("hubspot", "contact", "", "synced"), required=True) == Subject("", "contact")


async def test_without_a_directory_what_was_said_stands() -> None:
    assert await Subjects().of_record(RECORD, "ws_1") == AS_SAID
    assert await Subjects(required=True).named(AS_SAID, "ws_1") == AS_SAID
