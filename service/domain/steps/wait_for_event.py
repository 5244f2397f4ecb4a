"""WAIT_FOR_EVENT: until the world says something, or the time is up.

The wait is the step's row itself; the router finds it by its address and hands events over. An event counts when its
type and subject match, it is not the one that started the run, it did not come before the run, and the filter holds.
"""

from typing import Any

from service.domain import outcome
from service.domain.commands import BusEvent, TransitionStep
from service.domain.patterns import subject_matches
from service.domain.scope import event_view, holds
from service.domain.state import StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn


class WaitForEvent(StepRules):
    reports = frozenset({StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.WAITING, "waiting", **changes)

    def heard(self, turn: Turn, step_id: str, event: BusEvent) -> None:
        if event.id == turn.run.trigger_event_id:
            raise Unwanted("own_trigger", "the event that started the run does not answer its waits")
        if not _fits(turn, step_id, event):
            raise Unwanted("no_match", "the event does not match this wait")
        outcome.complete(turn, step_id, event.payload or {}, event_id=event.id)

    def expired(self, turn: Turn, step_id: str) -> None:
        action = turn.planned(step_id).config.get("timeout_action")
        if action:
            outcome.complete(turn, step_id, {"timed_out": True, "timeout_action": action})
        else:
            outcome.fail_for_good(turn, step_id, "timed_out", "the awaited event did not come in time")

    def reported_failure(self, turn: Turn, step_id: str, report: TransitionStep) -> None:
        message = report.error_message or "reported as failed"
        outcome.fail_for_good(turn, step_id, "reported_failure", message)


def _fits(turn: Turn, step_id: str, event: BusEvent) -> bool:
    planned = turn.planned(step_id)
    definition = planned.definition
    if not subject_matches(definition.event_subject_pattern, event.bus_subject, event.subject):
        return False
    bare = {**(event.payload or {}), "event": event_view(event)}
    return planned.filter is None or holds(planned.filter, turn, step_id, bare)
