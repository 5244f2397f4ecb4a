"""The RPCs about events: what they ask for, what they answer, every bad request, and what a replay means."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from workflows.ops.v1 import events_pb2 as ops

from service.domain.bus_event import BusEvent
from service.domain.dead_letters import DeadLetter, LetterFilter, ReplayOutcome
from service.domain.received_events import EventFilter, EventKey, EventState, OpenedEvent
from service.domain.republishing import Republishing
from service.edge.events.calls import EngineEvents
from service.edge.wire.answers import MAX_ANSWER_BYTES
from tests.edge.edge import Edge, refused
from tests.edge.fake_events import FakeEvents, heard, letter
from tests.edge.fakes import NOW
from tests.edge.workflows.test_bad_input import LONG

OF_LETTERS: list[type[Any]] = [ops.GetDeadLetterRequest, ops.ReplayDeadLetterRequest, ops.DiscardDeadLetterRequest]
LONG_KEY = "é" * 257
SINCE = Timestamp()
SINCE.FromDatetime(NOW)


def rpc(edge: Edge, request: Message) -> Any:
    return getattr(edge.event_stub, request.DESCRIPTOR.name.removesuffix("Request"))


async def truncated(call: Any) -> list[str]:
    await call
    return [value for name, value in await call.trailing_metadata() if name == "workflows-truncated"]


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_letters_are_listed_with_their_total(edge: Edge) -> None:
    request = ops.ListDeadLettersRequest(workspace_id="acme", reason="bad_json", since=SINCE, limit=9_999, offset=2)
    page = await edge.event_stub.ListDeadLetters(request)
    assert page.total == 12
    assert page.letters[0] == ops.DeadLetter(
        id=7,
        workspace_id="acme",
        bus_subject="orders.made",
        reason="bad_json",
        received_at=SINCE,
        size=3,
        replayed_at=SINCE,
        outcome=ops.REPLAY_OUTCOME_STILL_POISON,
        outcome_reason="too_deep",
    )
    assert not page.letters[1].HasField("replayed_at")
    await edge.event_stub.ListDeadLetters(ops.ListDeadLettersRequest())
    assert edge.events.asked == [(LetterFilter("acme", "bad_json", NOW), 500, 2), (LetterFilter(None), 50, 0)]


async def test_a_letter_is_shown_as_it_came(edge: Edge) -> None:
    found = await edge.event_stub.GetDeadLetter(ops.GetDeadLetterRequest(id=7))
    assert (found.letter.id, dict(found.headers), found.body) == (7, {"ce-id": "é"}, b"\0{x")


async def test_a_letter_that_is_too_large_is_cut_and_says_so(edge: Edge) -> None:
    edge.events.body = b"x" * MAX_ANSWER_BYTES
    call = edge.event_stub.GetDeadLetter(ops.GetDeadLetterRequest(id=7))
    assert await truncated(call) == ["body"]
    assert MAX_ANSWER_BYTES - 16 < (await call).ByteSize() <= MAX_ANSWER_BYTES


async def test_replaying_and_discarding(edge: Edge) -> None:
    replayed = (await edge.event_stub.ReplayDeadLetter(ops.ReplayDeadLetterRequest(id=7))).letter
    assert (replayed.outcome, replayed.outcome_reason) == (ops.REPLAY_OUTCOME_STILL_POISON, "too_deep")
    await edge.event_stub.DiscardDeadLetter(ops.DiscardDeadLetterRequest(id=8))
    assert edge.events.committed == [(7, None), (8, None)]


@pytest.mark.parametrize("kind", OF_LETTERS)
async def test_a_letter_that_is_not_there_is_not_found(edge: Edge, kind: type[Any]) -> None:
    edge.events.found = None
    request = kind(id=7)
    error = await refused(rpc(edge, request)(request))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "dead_letter_not_found")


async def test_events_are_listed_with_their_total(edge: Edge) -> None:
    request = ops.ListEventsRequest(
        workspace_id="acme", type_prefix="crm.", state=ops.EVENT_STATE_FADED, since=SINCE, limit=3, offset=1
    )
    page = await edge.event_stub.ListEvents(request)
    assert page.total == 14
    assert page.events[0] == ops.Event(
        workspace_id="acme",
        source="tap/crm",
        id="e1",
        type="crm.deal",
        subject="deal/1",
        bus_subject="siphon.tap.crm",
        received_at=SINCE,
        routed_at=SINCE,
        state=ops.EVENT_STATE_BUFFERED,
    )
    assert (page.events[1].state, page.events[1].HasField("routed_at")) == (ops.EVENT_STATE_FADED, False)
    assert edge.events.asked == [(EventFilter("acme", "crm.", EventState.FADED, NOW), 3, 1)]


async def test_an_event_is_shown_with_its_payload(edge: Edge) -> None:
    request = ops.GetEventRequest(workspace_id="acme", source="tap/crm", id="e1")
    found = await edge.event_stub.GetEvent(request)
    assert (found.event.id, found.time.ToDatetime(UTC), dict(found.payload)) == ("e1", NOW, {"n": 1})
    edge.events.opened = OpenedEvent(heard(), None, None)
    bare = await edge.event_stub.GetEvent(request)
    assert (bare.HasField("payload"), bare.HasField("time")) == (False, False)
    edge.events.opened = None
    error = await refused(edge.event_stub.GetEvent(request))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "event_not_found")


async def test_a_payload_that_is_too_large_is_left_out_and_says_so(edge: Edge) -> None:
    edge.events.opened = OpenedEvent(heard(), NOW, {"n": [1] * (MAX_ANSWER_BYTES // 8)})
    call = edge.event_stub.GetEvent(ops.GetEventRequest(workspace_id="acme", source="tap/crm", id="e1"))
    assert await truncated(call) == ["payload"]
    assert not (await call).HasField("payload")


async def test_republishing_counts_first_where_that_is_asked(edge: Edge) -> None:
    request = ops.RepublishRequest(since=SINCE, workspace_id="acme", definition_id="wf_1", run_id="wfr_1", dry_run=True)
    assert (await edge.event_stub.Republish(request)).count == 3
    assert not edge.committed
    request.dry_run = False
    assert (await edge.event_stub.Republish(request)).count == 5_000_000_000
    assert edge.events.asked == [Republishing(NOW, "acme", "wf_1", "wfr_1")] * 2


# --- bad requests ----------------------------------------------------------------------------------------------------


class Bad(NamedTuple):
    request: Message
    field: str
    reason: str


FINE: dict[type[Message], dict[str, Any]] = {
    ops.ListEventsRequest: {"workspace_id": "acme"},
    ops.GetEventRequest: {"workspace_id": "acme", "source": "tap/crm", "id": "e1"},
    ops.RepublishRequest: {"since": SINCE},
}
LISTS: list[type[Message]] = [ops.ListDeadLettersRequest, ops.ListEventsRequest]
IN_TIME: list[type[Message]] = [*LISTS, ops.RepublishRequest]
IN_WORKSPACES: list[type[Message]] = [*IN_TIME, ops.GetEventRequest]


def bad(kind: type[Message], field: str, reason: str, /, **changes: Any) -> Bad:
    """A good request but for the changes."""
    return Bad(kind(**{**FINE.get(kind, {}), **changes}), field, reason)


TABLE = [
    *(Bad(kind(), "id", "required") for kind in OF_LETTERS),
    *(Bad(kind(id=-1), "id", "negative") for kind in OF_LETTERS),
    *(bad(kind, "workspace_id", "too_long", workspace_id=LONG) for kind in IN_WORKSPACES),
    *(bad(kind, "workspace_id", "nul_character", workspace_id="\0") for kind in IN_WORKSPACES),
    *(bad(kind, "workspace_id", "required", workspace_id="") for kind in (ops.ListEventsRequest, ops.GetEventRequest)),
    *(bad(kind, "since", "out_of_range", since=Timestamp(seconds=10**15)) for kind in IN_TIME),
    *(bad(kind, "since", "out_of_range", since=Timestamp(nanos=-1)) for kind in IN_TIME),
    *(bad(kind, "limit", "negative", limit=-1) for kind in LISTS),
    *(bad(kind, "offset", "negative", offset=-1) for kind in LISTS),
    bad(ops.ListDeadLettersRequest, "reason", "too_long", reason=LONG),
    bad(ops.ListDeadLettersRequest, "reason", "blank", reason=" "),
    bad(ops.ListDeadLettersRequest, "reason", "nul_character", reason="\0"),
    bad(ops.ListEventsRequest, "type_prefix", "too_long", type_prefix=LONG_KEY),
    bad(ops.ListEventsRequest, "type_prefix", "nul_character", type_prefix="\0"),
    bad(ops.ListEventsRequest, "state", "unknown_enum_value", state=4),
    *(bad(ops.GetEventRequest, field, "required", **{field: " "}) for field in ("source", "id")),
    *(bad(ops.GetEventRequest, field, "too_long", **{field: LONG_KEY}) for field in ("source", "id")),
    *(bad(ops.GetEventRequest, field, "nul_character", **{field: "\0"}) for field in ("source", "id")),
    Bad(ops.RepublishRequest(), "since", "required"),
    *(bad(ops.RepublishRequest, field, "too_long", **{field: LONG}) for field in ("definition_id", "run_id")),
    *(bad(ops.RepublishRequest, field, "blank", **{field: " "}) for field in ("definition_id", "run_id")),
    *(bad(ops.RepublishRequest, field, "nul_character", **{field: "\0"}) for field in ("definition_id", "run_id")),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: f"{bad.request.DESCRIPTOR.name}-{bad.field}-{bad.reason}")
async def test_bad_request_is_refused_and_asks_for_nothing(edge: Edge, bad: Bad) -> None:
    error = await refused(rpc(edge, bad.request)(bad.request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert bad.reason in error.fields.get(bad.field, []), error.fields
    assert not edge.events.asked


async def test_all_violations_are_told_at_once(edge: Edge) -> None:
    wrong: Any = {"type_prefix": "\0", "state": 9, "since": Timestamp(nanos=-1), "limit": -1, "offset": -1}
    error = await refused(edge.event_stub.ListEvents(ops.ListEventsRequest(**wrong)))
    assert set(error.fields) == {"workspace_id", *wrong}


async def test_the_limits_themselves_are_fine(edge: Edge) -> None:
    longest = "é" * 256
    await edge.event_stub.GetEvent(ops.GetEventRequest(workspace_id="w" * 128, source=longest, id=longest))
    await edge.event_stub.GetDeadLetter(ops.GetDeadLetterRequest(id=2**63 - 1))
    assert edge.events.asked == [EventKey("w" * 128, longest, longest), (2**63 - 1, None)]


# --- what a replay means ---------------------------------------------------------------------------------------------


class Desk(FakeEvents):
    """The store, with the router and the reader beside it."""

    def __init__(self, read: BusEvent | str, *, known: bool = False, clash: bool = False) -> None:
        super().__init__()
        self.read, self.known, self.clash = read, known, clash
        self.accepted: list[BusEvent] = []

    async def routed(self, key: EventKey) -> bool:
        return self.known

    async def replayed(self, letter_id: int, outcome: ReplayOutcome, reason: str) -> DeadLetter | None:
        self.committed.append((letter_id, outcome, reason))
        return self.found

    def reread(self, bus_subject: str, headers: Mapping[str, str], body: bytes) -> BusEvent | str:
        assert (bus_subject, headers, body) == ("orders.made", {"ce-id": "é"}, self.body)
        return self.read

    async def accept(self, events: Sequence[BusEvent]) -> Sequence[BusEvent]:
        self.accepted += events
        return events if self.clash else []


EVENT = BusEvent("e1", "tap/crm", "crm.deal", "acme")


@pytest.mark.parametrize(
    ("desk", "visible", "noted", "accepted"),
    [
        (Desk(EVENT), None, (7, ReplayOutcome.ROUTED, ""), 1),
        (Desk(EVENT), "acme", (7, ReplayOutcome.ROUTED, ""), 1),
        (Desk(EVENT, known=True), None, (7, ReplayOutcome.KNOWN, ""), 1),
        (Desk(EVENT, known=True, clash=True), None, (7, ReplayOutcome.STILL_POISON, "id_reused"), 1),
        (Desk("too_deep"), None, (7, ReplayOutcome.STILL_POISON, "too_deep"), 0),
        (Desk(EVENT), "other", (7, ReplayOutcome.STILL_POISON, "tenant_mismatch"), 0),
    ],
)
async def test_a_replayed_letter_is_treated_like_a_message(
    desk: Desk, visible: str | None, noted: tuple[int, ReplayOutcome, str], accepted: int
) -> None:
    assert await EngineEvents(desk, desk, desk.reread, desk.accept).replay_letter(7, visible) == letter()
    assert desk.committed == [noted]
    assert desk.accepted == [EVENT] * accepted


async def test_there_is_nothing_to_replay() -> None:
    desk = Desk(EVENT)
    desk.found = None
    assert await EngineEvents(desk, desk, desk.reread, desk.accept).replay_letter(7, None) is None
    assert desk.committed == []
