"""What a step waits to hear, as addresses; derived from its row, so it can never disagree with it.

An address is `objective:<id>`, `approval:<id>`, `governance:<run>/<step>`, `event:<type pattern>`, or
`event:<type pattern>#<correlation>` for a wait that wants only events with a certain value in them. The store keeps the
addresses of all runs in an index; the router looks an incoming event up under every address it could be awaited at. An
objective stays addressed after its step ended or was tried again, because its cost may come late.
"""

from hashlib import sha256

import orjson

from service.domain.bus_event import ApprovalReport, BusEvent, GovernanceReport, ObjectiveReport
from service.domain.definition import Json, StepDefinition, StepType
from service.domain.patterns import matches
from service.domain.state import StepRun, StepState


def addresses(run_id: str, step: StepRun, definition: StepDefinition) -> frozenset[str]:
    """Every address under which this step can be reached now. A link that is none of its kind's is no address."""
    match step.step_type:
        case StepType.AGENT_ACTION:
            objectives = (step.objective_id, *step.earlier_work)
            return frozenset(f"objective:{objective_id}" for objective_id in objectives if objective_id)
        case StepType.APPROVAL_GATE:
            return _approval(step)
        case StepType.GOVERNANCE_CHECK if step.state.open:
            return _approval(step) | {f"governance:{run_id}/{step.step_id}"}
        case StepType.WAIT_FOR_EVENT if step.state is StepState.WAITING:
            return _awaited(step, definition)
        case _:
            return frozenset()


def _approval(step: StepRun) -> frozenset[str]:
    asked = step.approval_request_id and step.state is StepState.WAITING
    return frozenset({f"approval:{step.approval_request_id}"} if asked else ())


def _awaited(step: StepRun, definition: StepDefinition) -> frozenset[str]:
    pattern = awaited_pattern(definition)
    value = step.evidence.get("correlation", "")
    if not pattern:
        return frozenset()
    return frozenset({f"event:{pattern}#{value}" if value else f"event:{pattern}"})


def awaited_pattern(definition: StepDefinition) -> str:
    """Which types a wait wants to hear of: all when it names a subject alone, none when it only lets time pass."""
    return definition.event_type_pattern or (">" if definition.event_subject_pattern else "")


def hears(run_id: str, step: StepRun, definition: StepDefinition, event: BusEvent) -> bool:
    """Is the event addressed to something this step waits for now? What it is correlated by is left to the step."""
    return any(_reaches(event, address) for address in addresses(run_id, step, definition))


def topic(event: BusEvent) -> str:
    """The address of what the event is about; empty when it is about nothing we link to."""
    match event.about:
        case ObjectiveReport(objective_id):
            return f"objective:{objective_id}"
        case ApprovalReport(approval_request_id):
            return f"approval:{approval_request_id}"
        case GovernanceReport(run_id, step_id):
            return f"governance:{run_id}/{step_id}"
        case None:
            return ""


def correlation(expression: str, value: Json) -> str:
    """What a wait and an event have in common when `expression` over the event yields the wait's value."""
    return sha256(expression.encode() + b"\n" + orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS)).hexdigest()[
        :32
    ]


def _whole(value: Json) -> Json:
    """Numbers are doubles on one side and may be whole on the other: 5 and 5.0 are one value."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def _reaches(event: BusEvent, address: str) -> bool:
    kind, _, key = address.partition(":")
    return matches(key.partition("#")[0], event.type) if kind == "event" else address == topic(event)
