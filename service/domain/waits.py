"""What a step waits to hear, as addresses; derived from its row, so it can never disagree with it.

An address is `objective:<id>`, `approval:<id>` or `event:<type pattern>`. The store keeps the addresses of all runs in
an index; the router looks an incoming event up under every address it could be awaited at. An objective stays addressed
after its step ended, because its cost may come late.
"""

from service.domain.commands import ApprovalReport, BusEvent, ObjectiveReport
from service.domain.definition import StepDefinition, StepType
from service.domain.patterns import matches
from service.domain.state import StepRun, StepState


def addresses(step: StepRun, definition: StepDefinition) -> frozenset[str]:
    """Every address under which this step can be reached now."""
    found = set()
    if step.objective_id:
        found.add(f"objective:{step.objective_id}")
    if step.approval_request_id and step.state is StepState.WAITING:
        found.add(f"approval:{step.approval_request_id}")
    pattern = definition.event_type_pattern or (">" if definition.event_subject_pattern else "")
    if pattern and step.step_type is StepType.WAIT_FOR_EVENT and step.state is StepState.WAITING:
        found.add(f"event:{pattern}")
    return frozenset(found)


def hears(step: StepRun, definition: StepDefinition, event: BusEvent) -> bool:
    """Is the event addressed to something this step waits for now?"""
    return any(_reaches(event, address) for address in addresses(step, definition))


def topic(event: BusEvent) -> str:
    """The address of what the event is about; empty when it is about nothing we link to."""
    match event.about:
        case ObjectiveReport(objective_id):
            return f"objective:{objective_id}"
        case ApprovalReport(approval_request_id):
            return f"approval:{approval_request_id}"
        case None:
            return ""


def _reaches(event: BusEvent, address: str) -> bool:
    kind, _, key = address.partition(":")
    return matches(key, event.type) if kind == "event" else address == topic(event)
