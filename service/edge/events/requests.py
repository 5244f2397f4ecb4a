"""Requests about events: proto to domain values, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once. Keys and types of events come from strangers and may be
longer than our own ids: their limit is the one under which the bus takes them. Called by the servicer of events.
"""

from datetime import datetime
from typing import TypeAlias

from workflows.ops.v1 import events_pb2 as ops

from service.domain.dead_letters import LetterFilter
from service.domain.limits import MAX_KEY_BYTES
from service.domain.received_events import EventFilter, EventKey
from service.domain.republishing import Republishing
from service.edge.gate.caller import Caller
from service.edge.wire import enums
from service.edge.wire.checks import Checks, Window

OfLetter: TypeAlias = ops.GetDeadLetterRequest | ops.ReplayDeadLetterRequest | ops.DiscardDeadLetterRequest
Since: TypeAlias = ops.ListDeadLettersRequest | ops.ListEventsRequest | ops.RepublishRequest


def letter_list(request: ops.ListDeadLettersRequest, caller: Caller) -> tuple[LetterFilter, Window]:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    checks.id("reason", request.reason)
    chosen = LetterFilter(workspace_id or None, request.reason, _since(checks, request))
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return chosen, window


def letter_id(request: OfLetter) -> int:
    checks = Checks()
    if not request.id:
        checks.note("id", "required", "is required")
    checks.not_negative("id", request.id)
    checks.settle()
    return request.id


def event_list(request: ops.ListEventsRequest, caller: Caller) -> tuple[EventFilter, Window]:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    chosen = EventFilter(
        workspace_id=checks.workspace(workspace_id, required=True),
        type_prefix=_key(checks, "type_prefix", request.type_prefix),
        state=checks.member("state", request.state, enums.EVENT_STATE_OF),
        since=_since(checks, request),
    )
    window = checks.window(request.limit, request.offset)
    checks.settle()
    return chosen, window


def event_key(request: ops.GetEventRequest, caller: Caller) -> EventKey:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    found = EventKey(
        checks.workspace(workspace_id, required=True),
        _key(checks, "source", request.source, required=True),
        _key(checks, "id", request.id, required=True),
    )
    checks.settle()
    return found


def republishing(request: ops.RepublishRequest, caller: Caller) -> Republishing:
    workspace_id = caller.meant(request.workspace_id)
    checks = Checks.of(request)
    checks.workspace(request.workspace_id)
    for field in ("definition_id", "run_id"):
        checks.id(field, getattr(request, field))
    since = _since(checks, request)
    if not request.HasField("since"):
        checks.note("since", "required", "is required")
    checks.settle()
    assert since is not None
    return Republishing(since, workspace_id or None, request.definition_id, request.run_id)


def _since(checks: Checks, request: Since) -> datetime | None:
    return checks.moment("since", request.since) if request.HasField("since") else None


def _key(checks: Checks, path: str, value: str, *, required: bool = False) -> str:
    if required and not value.strip():
        checks.note(path, "required", "is required")
    elif len(value.encode()) > MAX_KEY_BYTES:
        checks.note(path, "too_long", f"is longer than {MAX_KEY_BYTES} bytes")
    return value
