"""Dead letters and events as the wire's messages. It trusts the domain and cannot fail.

What a stranger sent may be larger than one message of ours: then a letter's body is cut and an event's payload left
out, and the answer says so. Called by the servicer of events.
"""

from workflows.ops.v1 import events_pb2 as ops

from service.domain.dead_letters import DeadLetter, OpenedLetter
from service.domain.paging import Page
from service.domain.received_events import HeardEvent, OpenedEvent
from service.edge.wire import enums, framing, payloads
from service.edge.wire.answers import MAX_ANSWER_BYTES, Answer
from service.edge.wire.moments import moment


def letters(page: Page[DeadLetter]) -> ops.ListDeadLettersResponse:
    return ops.ListDeadLettersResponse(letters=map(letter, page.rows), total=page.total)


def letter(value: DeadLetter) -> ops.DeadLetter:
    replayed = value.replayed
    return ops.DeadLetter(
        id=value.id,
        workspace_id=value.workspace_id,
        bus_subject=value.bus_subject,
        reason=value.reason,
        received_at=moment(value.received_at),
        size=value.size,
        replayed_at=moment(replayed.at if replayed else None),
        outcome=enums.REPLAY_OUTCOME[replayed.outcome] if replayed else ops.REPLAY_OUTCOME_UNSPECIFIED,
        outcome_reason=replayed.reason if replayed else "",
    )


def opened_letter(value: OpenedLetter) -> Answer:
    message = ops.GetDeadLetterResponse(letter=letter(value.letter), headers=value.headers)
    room = max(0, MAX_ANSWER_BYTES - message.ByteSize() - framing.FRAME)
    message.body = value.body[:room]
    return Answer(message.SerializeToString(), ("body",) if len(value.body) > room else ())


def events(page: Page[HeardEvent]) -> ops.ListEventsResponse:
    return ops.ListEventsResponse(events=map(event, page.rows), total=page.total)


def event(value: HeardEvent) -> ops.Event:
    return ops.Event(
        workspace_id=value.key.workspace_id,
        source=value.key.source,
        id=value.key.id,
        type=value.type,
        subject=value.subject,
        bus_subject=value.bus_subject,
        received_at=moment(value.received_at),
        routed_at=moment(value.routed_at),
        state=enums.EVENT_STATE[value.state],
    )


def opened_event(value: OpenedEvent) -> Answer:
    message = ops.GetEventResponse(event=event(value.event), time=moment(value.time))
    if value.payload is None:
        return Answer(message.SerializeToString())
    payload = payloads.write(value.payload)
    if len(payload) > MAX_ANSWER_BYTES - message.ByteSize() - framing.FRAME:
        return Answer(message.SerializeToString(), ("payload",))
    message.payload.ParseFromString(payload)
    return Answer(message.SerializeToString())
