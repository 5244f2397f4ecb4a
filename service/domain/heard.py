"""What the world answers: effects that succeeded or failed, and bus events, brought to the step they are for.

An answer counts for the attempt that asked. One that comes for a step that has moved on is settled and, where it can
be, undone: an objective created for an abandoned attempt is cancelled.
"""

from typing import Any, get_args

from service.domain import undoing
from service.domain.answers import (
    Answer,
    ChildStarted,
    Delegated,
    Fault,
    FaultKind,
    ObjectiveCancelled,
    ObjectiveCreated,
    RunTold,
    UsageReported,
)
from service.domain.attempts import began_after_all
from service.domain.bus_event import BusEvent, ObjectiveReport
from service.domain.calls import (
    CancelChild,
    CancelObjective,
    CompensateChild,
    CreateObjective,
    Deliver,
    GetDelegation,
    QueryUsage,
    RunCall,
    StartChild,
)
from service.domain.commands import EventArrived
from service.domain.costs import LATE_SECONDS, metered
from service.domain.decision import Postponed
from service.domain.effects import Owed
from service.domain.expression_faults import ExpressionError
from service.domain.state import StepRun, StepState
from service.domain.steps import rules_of
from service.domain.steps.rules import Unwanted
from service.domain.turn import Turn
from service.domain.waits import hears

LONGEST_DELAY_SECONDS = 60.0
GIVES_UP_AFTER_TRIES = 30
TO_OTHER_RUNS = frozenset(call.__name__ for call in get_args(RunCall))
LEAVES_TRACES = TO_OTHER_RUNS | {call.__name__ for call in (CreateObjective, CancelObjective, QueryUsage, Deliver)}
NEVER_FAILS_A_STEP = LEAVES_TRACES - {CreateObjective.__name__, StartChild.__name__} | {GetDelegation.__name__}


def effect_succeeded(turn: Turn, effect: Owed, answer: Answer) -> None:
    turn.settled.append(effect)
    if isinstance(answer, ObjectiveCancelled | RunTold):
        return
    step = turn.step(effect.step_id)
    if isinstance(answer, UsageReported):
        metered(turn, step.step_id, answer)
    elif wanted(step, effect):
        rules_of(turn, effect.step_id).answered(turn, effect.step_id, answer)
    elif link := _late_link(step, effect, answer):
        turn.link(step.step_id, **link)
    else:
        _undo(turn, step, effect, answer)


def _undo(turn: Turn, step: StepRun, effect: Owed, answer: Answer) -> None:
    """What an attempt that is over has set going is taken back, and kept in mind: it may have cost something, and done
    what is to be undone."""
    match answer:
        case ObjectiveCreated(objective_id) if objective_id != step.objective_id:
            _remember(turn, step, began_after_all(step, effect.attempt, objective_id=objective_id))
            turn.owe(step, CancelObjective(objective_id, "the attempt was given up"), objective_id)
            turn.owe(step, QueryUsage(objective_id), f"late/{objective_id}", LATE_SECONDS)
        case ChildStarted(run_id) if run_id != step.child_run_id:
            _remember(turn, step, began_after_all(step, effect.attempt, child_run_id=run_id))
            turn.owe(step, CancelChild(run_id, "the attempt was given up"), run_id)
        case _:
            raise Unwanted("attempt_over", f"attempt {effect.attempt} of the step is over")


def _remember(turn: Turn, step: StepRun, changes: dict[str, Any]) -> None:
    if changes:
        turn.link(step.step_id, **changes)


def effect_failed(turn: Turn, effect: Owed, fault: Fault) -> None:
    """A fault of the transport is tried again with growing delay and uses up no retries."""
    step = turn.step(effect.step_id) if effect.step_id else None  # what the run itself owes belongs to no step
    if fault.kind is FaultKind.TRANSPORT and (wanted(step, effect) or _cleans_up(effect)):
        turn.postponed.append(Postponed(effect, delay_after(effect.tries), f"{fault.reason}: {fault.message}"))
        return
    turn.settled.append(effect)
    if effect.kind == CompensateChild.__name__:
        undoing.not_asked(turn, effect)
    if step is None or not wanted(step, effect) or effect.kind in NEVER_FAILS_A_STEP:
        turn.audit(effect.step_id, effect.kind, fault.reason, fault.message)
    else:
        rules_of(turn, effect.step_id).faulted(turn, effect.step_id, fault)


def event_arrived(turn: Turn, command: EventArrived) -> None:
    """Every step that waits for it takes it: an event counts once in a run, for all the waits that are open then."""
    turn.settled.append(command.effect)
    listening = _listening(turn, command.event)
    refusals = [refusal for step in listening if (refusal := _refusal(turn, step, command)) is not None]
    if len(refusals) == len(listening):
        raise refusals[0] if refusals else Unwanted("not_awaited", "no step waits for this event now")


def _listening(turn: Turn, event: BusEvent) -> list[StepRun]:
    """Items are reached through their objectives alone; there may be two thousand of them."""
    steps = turn.run.steps.values()
    found = [step for step in steps if hears(turn.run.id, step, turn.planned(step.step_id).definition, event)]
    if isinstance(event.about, ObjectiveReport):
        found += [item for item in turn.run.items.values() if item.worked_on(event.about.objective_id)]
    return found


def _refusal(turn: Turn, step: StepRun, command: EventArrived) -> Unwanted | None:
    try:
        rules_of(turn, step.step_id).heard(turn, step.step_id, command)
    except Unwanted as unwanted:
        return unwanted
    except ExpressionError as error:
        # Whoever can publish an event must not be able to fail a run with one its filter cannot read.
        return Unwanted("filter_error", str(error))
    return None


def wanted(step: StepRun | None, effect: Owed) -> bool:
    """Does the step still wait for this effect's answer?"""
    return step is not None and step.state.open and step.attempt == effect.attempt


def delay_after(tries: int) -> float:
    """Seconds until the next try after `tries` earlier ones."""
    return min(0.2 * 2.0 ** min(tries, 10), LONGEST_DELAY_SECONDS)


def _cleans_up(effect: Owed) -> bool:
    """Not wanted any more, but its outcome is unknown, or others rely on it: tried on, within reason."""
    return effect.kind in LEAVES_TRACES and effect.tries < GIVES_UP_AFTER_TRIES


def _late_link(step: StepRun, effect: Owed, answer: Answer) -> dict[str, str]:
    """What a step that completed by report before this answer came has still to note."""
    if step.state is not StepState.COMPLETED or step.attempt != effect.attempt:
        return {}
    match answer:
        case ObjectiveCreated(objective_id) if not step.objective_id:
            return {"objective_id": objective_id}
        case Delegated(delegation_id):
            return {"delegation_id": delegation_id}
        case _:
            return {}
