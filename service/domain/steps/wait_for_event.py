"""WAIT_FOR_EVENT: until the world says something, or the time is up.

The wait is the step's row itself; the router finds it by its address and hands events over. An event counts when its
type and subject match, it is not the one that started the run, it did not come too early, it has the value the wait
wants, and the filter holds. What it is correlated by is part of the address, so that of very many waits for one type
only those that want this value are woken.
"""

from typing import Any

from service.domain import outcome
from service.domain.bus_event import BusEvent
from service.domain.commands import EventArrived, TransitionStep
from service.domain.definition import Payload
from service.domain.expression_faults import ExpressionError
from service.domain.patterns import subject_matches
from service.domain.scope import evaluate, event_view, holds
from service.domain.state import StepState
from service.domain.steps.rules import StepRules, Unwanted
from service.domain.turn import Turn
from service.domain.waits import correlation


class WaitForEvent(StepRules):
    reports = frozenset({StepState.COMPLETED, StepState.FAILED})

    def start(self, turn: Turn, step_id: str, changes: dict[str, Any]) -> None:
        turn.move(step_id, StepState.WAITING, "waiting", **changes, evidence=_wanted(turn, step_id))

    def heard(self, turn: Turn, step_id: str, arrived: EventArrived) -> None:
        event = arrived.event
        if event.id == turn.run.trigger_event_id:
            raise Unwanted("own_trigger", "the event that started the run does not answer its waits")
        if _too_early(turn, step_id, arrived):
            raise Unwanted("too_early", "the event came before this wait counts any")
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


def _wanted(turn: Turn, step_id: str) -> Payload:
    """What an event has to have in common with this wait, as far as it is correlated."""
    correlate = turn.planned(step_id).correlation
    if correlate is None:
        return turn.step(step_id).evidence
    value = evaluate(correlate.run, turn, step_id)
    if value is None:
        raise ExpressionError("null", "config.correlate.run yields nothing to tell events by")
    return {**turn.step(step_id).evidence, "correlation": correlation(correlate.event.source, value)}


def _too_early(turn: Turn, step_id: str, arrived: EventArrived) -> bool:
    started = turn.step(step_id).started_at
    after_step = turn.planned(step_id).config.get("accept_after") == "step_start"
    return after_step and started is not None and arrived.received_at < started


def _fits(turn: Turn, step_id: str, event: BusEvent) -> bool:
    planned = turn.planned(step_id)
    definition, bare = planned.definition, {**(event.payload or {}), "event": event_view(event)}
    if not subject_matches(definition.event_subject_pattern, event.bus_subject, event.subject):
        return False
    if planned.correlation is not None:
        program = planned.correlation.event  # over the event alone, as the router evaluates it
        if correlation(program.source, program.evaluate(bare)) != turn.step(step_id).evidence.get("correlation"):
            return False
    return planned.filter is None or holds(planned.filter, turn, step_id, bare)
