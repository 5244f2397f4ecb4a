"""HandleTrigger: proto to an event like one heard on the bus, with every bad-input check.

As in `workflows.requests`, all that is wrong is told at once. A tap event's record and the provider's id for the change
are in its payload, where the tap has them, so that handed in and heard it is one change. Called by the servicer.
"""

from workflows.v1 import workflows_pb2 as pb

from service.domain.bus_event import BusEvent, HandedIn, Tap
from service.domain.definition import BY_EVENT, Payload, TriggerType
from service.domain.limits import MAX_ID
from service.domain.patterns import MAX_LENGTH
from service.domain.publish.triggers import bad_cron
from service.domain.start_requests import TriggerRequest
from service.edge.gate.caller import Caller
from service.edge.rpc import traces
from service.edge.wire import enums
from service.edge.wire.checks import Checks

SOURCE = "rpc"
HANDLED = (TriggerType.EVENT, TriggerType.WEBHOOK, TriggerType.SCHEDULE)

_IDS = (
    "trigger_event_id",
    "tap_provider",
    "tap_entity_type",
    "tap_action",
    "initiator_agent_id",
    "initiator_user_id",
    "entity_id",
    "entity_type",
)


def trigger(request: pb.HandleTriggerRequest, caller: Caller) -> TriggerRequest:
    workspace_id, user_id = caller.meant(request.workspace_id), caller.begins_for(request.initiator_user_id)
    agent_id = caller.speaks_as(request.initiator_agent_id)
    checks = Checks.of(request)
    checks.workspace(workspace_id, required=True)
    for field in _IDS:
        checks.id(field, getattr(request, field))
    kind = _kind(checks, request)
    _check_event(checks, request, kind)
    payload = checks.payload("input_payload", request.input_payload)
    checks.settle()
    assert kind is not None
    event = BusEvent(
        id=request.trigger_event_id,
        source=SOURCE,
        type=request.event_type,
        tenant=workspace_id,
        subject=request.event_subject,
        payload=payload,
        tap=_tap(request, payload) if kind is TriggerType.WEBHOOK else None,
        handed_in=HandedIn(kind, agent_id, user_id, request.entity_id, request.entity_type),
        trace=traces.current(),
    )
    return TriggerRequest(event, request.cron_expr)


def _kind(checks: Checks, request: pb.HandleTriggerRequest) -> TriggerType | None:
    """None, which is noted, for one that is not handled."""
    kind = checks.member("trigger_type", request.trigger_type, enums.TRIGGER_TYPE_OF)
    if kind in HANDLED:
        return kind
    if kind is not None or not request.trigger_type:
        checks.note("trigger_type", "trigger_type_not_handled", f"has to be one of {', '.join(HANDLED)}")
    return None


def _check_event(checks: Checks, request: pb.HandleTriggerRequest, kind: TriggerType | None) -> None:
    for field in ("event_type", "event_subject"):
        if len(getattr(request, field)) > MAX_LENGTH:
            checks.note(field, "too_long", f"is longer than {MAX_LENGTH} characters")
    if kind in BY_EVENT and not request.trigger_event_id:
        checks.note("trigger_event_id", "required", f"is required when the trigger type is {kind}")
    if kind is TriggerType.EVENT and not request.event_type.strip():
        checks.note("event_type", "required", "is required when the trigger type is EVENT")
    if request.cron_expr and (why := bad_cron(request.cron_expr)):
        checks.note("cron_expr", "bad_cron", why)


def _tap(request: pb.HandleTriggerRequest, payload: Payload) -> Tap:
    return Tap(
        provider=request.tap_provider,
        entity_type=request.tap_entity_type,
        entity_id=_text(payload, "entity_id"),
        action=request.tap_action,
        provider_event_id=_text(payload, "provider_event_id"),
    )


def _text(payload: Payload, name: str) -> str:
    """Empty when it is no id."""
    value = payload.get(name)
    return value if isinstance(value, str) and len(value) <= MAX_ID else ""
