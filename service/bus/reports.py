"""What an event says of an objective, an approval or an evaluation by governance, if it says anything.

Services change verbs and keep states, so only the state counts, by name or number. A report names what it is about and
has a state; a change without either is no report, and the event stays an event like any other. Who approves is not
decided here: a decision from the bus is a hint. Called by `incoming`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from approvals.v1.approvals_pb2 import DecisionType
from governance.v1.governance_pb2 import ActionDecision
from objectives.v1.objectives_pb2 import ObjectiveState

from service.bus import packed
from service.bus.fields import MAX_TEXT_BYTES, Record, money, nested, text
from service.bus.poison import Poison
from service.bus.said import said
from service.bus.strict_json import clean, plain
from service.domain.bus_event import ApprovalReport, GovernanceReport, ObjectiveReport, Report
from service.domain.definition import Payload
from service.domain.limits import MAX_KEY_BYTES

_APPROVALS = ("approval", "approval_request", "approval_decision")
_EVALUATION = "governance_evaluation"


class _Names:
    def __init__(self, prefix: str, numbers: Iterable[tuple[str, int]]) -> None:
        self.prefix = prefix
        self.by_number: Mapping[int | float | Decimal, str] = {
            number: name.removeprefix(prefix) for name, number in numbers
        }


_OBJECTIVE_STATES = _Names("OBJECTIVE_STATE_", ObjectiveState.items())
_DECISIONS = _Names("DECISION_TYPE_", DecisionType.items())
_ACTION_DECISIONS = _Names("ACTION_DECISION_", ActionDecision.items())


def about(message: str, fields: Record | None) -> Report | None:
    """`message` is the full name of the message that `fields` are of."""
    if fields is None:
        return None
    if message == packed.OBJECTIVE:
        return _objective(fields)
    if message == packed.DECISION:
        return _approval(fields)
    if message == packed.CHANGE:
        return _changed(fields)
    return None


def _changed(change: Record) -> Report | None:
    kind = change.get("aggregate_type")
    record = nested(change, "payload") or {}
    if kind == "objective":
        return _objective({"id": change.get("aggregate_id"), **record})
    if kind == _EVALUATION:
        return _evaluation(record)
    return _approval(record) if kind in _APPROVALS else None


def _objective(record: Record) -> ObjectiveReport | None:
    objective_id = text(record, "id")
    state = _name(record, "state", _OBJECTIVE_STATES)
    if not objective_id or not state:
        return None
    return ObjectiveReport(
        objective_id=objective_id,
        state=state,
        output=_output(record),
        cost_usd=_cost(record),
        message=_first(record, "error_message", "reason", limit=MAX_TEXT_BYTES),
        said=said(record),
    )


def _approval(record: Record) -> ApprovalReport | None:
    request_id = _first(record, "approval_request_id", "approval_id", "id")
    named = "decision" if record.get("decision") is not None else "state"
    decision = _name(record, named, _DECISIONS)
    if not request_id or not decision:
        return None
    return ApprovalReport(
        approval_request_id=request_id,
        decision=decision,
        decided_by=text(record, "decided_by"),
        reason=text(record, "reason", MAX_TEXT_BYTES),
    )


def _evaluation(record: Record) -> GovernanceReport | None:
    """The step whose action was evaluated is named beside the decision or in its context."""
    run_id = _named(record, "workflow_run_id", "run_id")
    step_id = _named(record, "workflow_step_id", "step_id")
    decision = _name(record, "decision", _ACTION_DECISIONS)
    if not run_id or not step_id or not decision:
        return None
    return GovernanceReport(run_id, step_id, decision)


def _named(record: Record, *names: str) -> str:
    context = record.get("context")
    return _first(record, *names) or (_first(context, *names) if isinstance(context, Mapping) else "")


def _name(record: Record, field: str, enum: _Names) -> str:
    """An enum's name without its prefix, from the name or the number; a number we do not know is UNSPECIFIED."""
    value = record.get(field)
    if value is None or isinstance(value, str):
        return text(record, field).upper().removeprefix(enum.prefix)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Poison(f"bad_{field}")
    return enum.by_number.get(value, "UNSPECIFIED")


def _output(record: Record) -> Payload | None:
    """The first of the names a result goes by that holds an object."""
    found = (record.get(name) for name in ("output_payload", "output", "result"))
    output = next((value for value in found if isinstance(value, Mapping)), None)
    return None if output is None else {clean(key): plain(value, 1) for key, value in output.items()}


def _cost(record: Record) -> Decimal | None:
    cost = money(record, "cost_usd")
    return money(record, "total_cost_usd") if cost is None else cost


def _first(record: Record, *names: str, limit: int = MAX_KEY_BYTES) -> str:
    return next(filter(None, (text(record, name, limit) for name in names)), "")
