"""The one pure function behind every way into a run.

`decide` folds commands into one decision: each gets a verdict of its own, and one that is refused leaves no trace. It
has no clock (the caller passes the database's), no randomness and no I/O, so the same inputs always give the same
decision; that is what makes a lost race repeatable. `beginning` is the same for a run that does not exist yet.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

from service.domain import undoing
from service.domain.commands import (
    CancelRun,
    ChildEnded,
    ClaimTask,
    CommentTask,
    CompensateRun,
    CompleteTask,
    EffectFailed,
    EffectSucceeded,
    Envelope,
    EventArrived,
    ForkRun,
    PauseRun,
    ReassignTask,
    RejectTask,
    ReleaseTask,
    ResumeRun,
    RetryStep,
    SkipStep,
    StartRun,
    TimePassed,
    TransitionStep,
)
from service.domain.compensation import compensate
from service.domain.conclusion import conclude
from service.domain.control import cancel, pause, resume, tell_drained
from service.domain.decision import Accepted, Decision, Guard, Ignored, Repeated, Seen, Verdict
from service.domain.effects import Owed
from service.domain.errors import Refusal, conflict, key_reused
from service.domain.flow import settle, time_out
from service.domain.heard import effect_failed, effect_succeeded, event_arrived
from service.domain.plan import Plan
from service.domain.reopen import retry_step, skip_step
from service.domain.report import report
from service.domain.state import Run
from service.domain.steps import rules_of
from service.domain.steps.rules import Unwanted
from service.domain.steps.sub_workflow import child_ended
from service.domain.tasks import act
from service.domain.turn import Turn


def decide(
    plan: Plan,
    run: Run,
    envelopes: Sequence[Envelope],
    now: datetime,
    seen: Mapping[str, Seen] | None = None,
    held: Callable[[Owed], bool] = lambda effect: True,
) -> Decision:
    """`seen` are guarded causes the run already took in; `held` tells whether an effect's lease still holds."""
    turn, known = Turn(plan, run, now), dict(seen or {})
    verdicts = tuple(_verdict(turn, envelope, known, held) for envelope in envelopes)
    return conclude(run, turn, verdicts)


# --- one command -------------------------------------------------------------------------------------------------


def _verdict(turn: Turn, envelope: Envelope, seen: dict[str, Seen], held: Callable[[Owed], bool]) -> Verdict:
    mark = turn.begin(envelope)
    effect = getattr(envelope.command, "effect", None)
    if effect is not None and not held(effect):
        return Ignored("lease_lost")
    if envelope.guarded and envelope.cause in seen:
        return _again(turn, effect, envelope, seen[envelope.cause])
    try:
        _act(turn, envelope)
        settle(turn)
        tell_drained(turn, mark.run)
    except Refusal as refusal:
        turn.back_to(mark)
        return refusal
    except Unwanted as unwanted:
        turn.back_to(mark)
        return _ignored(turn, effect, envelope, unwanted)
    if envelope.guarded:
        turn.guards.append(Guard(envelope.cause, envelope.digest))
        seen[envelope.cause] = Seen(envelope.digest, turn.run.sequence)
    return Accepted(turn.run.sequence)


def _act(turn: Turn, envelope: Envelope) -> None:
    match envelope.command:
        case TransitionStep() as command:
            report(turn, command)
        case EffectSucceeded(effect, answer):
            effect_succeeded(turn, effect, answer)
        case EffectFailed(effect, fault):
            effect_failed(turn, effect, fault)
        case EventArrived() as command:
            event_arrived(turn, command)
        case TimePassed():
            _time_passed(turn)
        case (ClaimTask() | ReleaseTask() | ReassignTask() | CommentTask() | CompleteTask() | RejectTask()) as command:
            act(turn, command)
        case ChildEnded() as command:
            undoing.told(turn, command) if command.undone else child_ended(turn, command)
        case PauseRun() as command:
            pause(turn, command)
        case ResumeRun() as command:
            resume(turn, command)
        case CancelRun() as command:
            cancel(turn, command)
        case CompensateRun() as command:
            compensate(turn, command)
        case RetryStep() as command:
            retry_step(turn, command)
        case SkipStep() as command:
            skip_step(turn, command)
        case StartRun() | ForkRun():
            raise conflict("run_exists", "the run has been started already")
        case _ as never:
            assert_never(never)


def _again(turn: Turn, effect: Owed | None, envelope: Envelope, before: Seen) -> Verdict:
    if before.digest != envelope.digest:
        return key_reused()
    if effect is not None:
        turn.settled.append(effect)
    return Repeated(before.sequence)


def _ignored(turn: Turn, effect: Owed | None, envelope: Envelope, unwanted: Unwanted) -> Ignored:
    if effect is not None:
        turn.settled.append(effect)
        turn.audit(effect.step_id, type(envelope.command).__name__, unwanted.reason, unwanted.message)
    return Ignored(unwanted.reason)


def _time_passed(turn: Turn) -> None:
    """What is due is read off the state; retries are started by `settle`."""
    if turn.run.state.terminal:
        raise Unwanted("run_terminal", f"the run is {turn.run.state}")
    if turn.due(turn.run.deadline_at):
        return time_out(turn)
    for step in turn.everything():
        if step.state.open and step.deadline_at:
            _expire(turn, step.step_id)
        if step.alarms:
            _ring(turn, step.step_id)
    return None


def _expire(turn: Turn, key: str) -> None:
    step = turn.step(key)
    if step.state.open and turn.due(step.deadline_at):
        rules_of(turn, key).expired(turn, key)


def _ring(turn: Turn, key: str) -> None:
    """Alarms that are due, one after the other; each is taken off first, and an ended step has none."""
    alarms = turn.step(key).alarms
    for name in sorted(alarms, key=lambda name: alarms[name]):
        if not turn.due(alarms[name]):
            break
        if name in turn.step(key).alarms:
            turn.arm(key, **{name: None})
            rules_of(turn, key).rang(turn, key, name)
