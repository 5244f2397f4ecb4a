"""The one pure function behind every way into a run.

`decide` folds commands into one decision: each gets a verdict of its own, and one that is refused leaves no trace. It
has no clock (the caller passes the database's), no randomness and no I/O, so the same inputs always give the same
decision; that is what makes a lost race repeatable. `begin` is the same for a run that does not exist yet.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

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
from service.domain.compensation import child_compensated, compensate
from service.domain.control import cancel, pause, resume, tell_drained
from service.domain.decision import Accepted, Decision, Guard, Ignored, Repeated, Seen, Verdict, Wait
from service.domain.definition import TriggerType
from service.domain.effects import Owed, TellParent
from service.domain.errors import Kind, Refusal, conflict
from service.domain.flow import settle, time_out
from service.domain.heard import effect_failed, effect_succeeded, event_arrived
from service.domain.plan import Plan
from service.domain.reopen import retry_step, skip_step
from service.domain.report import report
from service.domain.state import Run, RunState, StepRun
from service.domain.steps import rules_of
from service.domain.steps.rules import Unwanted
from service.domain.steps.sub_workflow import child_ended
from service.domain.tasks import act
from service.domain.turn import Turn
from service.domain.waits import addresses

MAX_DEPTH = 16


def begin(plan: Plan, envelope: Envelope, now: datetime) -> Decision:
    """A new run: every main-graph step PENDING, the roots started. Raises Refusal."""
    command = envelope.command
    assert isinstance(command, StartRun)
    _check_parent(plan, command)
    turn = Turn(plan, _new_run(plan, command, now), now)
    turn.begin(envelope)
    turn.tell_started()
    settle(turn)
    turn.show_in_first_event()
    return _decision(None, turn, (Accepted(turn.run.sequence),))


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
    return _decision(run, turn, verdicts)


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
            child_compensated(turn, command) if command.compensated else child_ended(turn, command)
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
        case StartRun():
            raise conflict("run_exists", "the run has been started already")
        case _ as never:
            assert_never(never)


def _again(turn: Turn, effect: Owed | None, envelope: Envelope, before: Seen) -> Verdict:
    if before.digest != envelope.digest:
        return Refusal(Kind.EXISTS, "idempotency_conflict", "this key was used with another request")
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
    if _due(turn, turn.run.deadline_at):
        return time_out(turn)
    for step in turn.everything():
        if step.state.open and step.deadline_at:
            _expire(turn, step.step_id)
        if step.alarms:
            _ring(turn, step.step_id)
    return None


def _expire(turn: Turn, key: str) -> None:
    step = turn.step(key)
    if step.state.open and _due(turn, step.deadline_at):
        rules_of(turn, key).expired(turn, key)


def _ring(turn: Turn, key: str) -> None:
    """Alarms that are due, one after the other; each is taken off first, and an ended step has none."""
    alarms = turn.step(key).alarms
    for name in sorted(alarms, key=lambda name: alarms[name]):
        if not _due(turn, alarms[name]):
            break
        if name in turn.step(key).alarms:
            turn.arm(key, **{name: None})
            rules_of(turn, key).rang(turn, key, name)


def _due(turn: Turn, at: datetime | None) -> bool:
    return at is not None and at <= turn.now


# --- the frame ---------------------------------------------------------------------------------------------------


def _new_run(plan: Plan, command: StartRun, now: datetime) -> Run:
    version = plan.version
    steps = (plan.steps[step_id].definition for step_id in plan.graph.order)
    timeout = version.timeout_seconds
    return Run(
        id=command.run_id,
        workspace_id=version.workspace_id,
        definition_id=version.definition_id,
        definition_version=version.version,
        state=RunState.RUNNING,
        trigger_type=command.trigger_type,
        steps={step.id: StepRun(step.id, step.name, step.step_type) for step in steps},
        trigger_event_id=command.trigger_event_id,
        initiator_agent_id=command.initiator_agent_id,
        initiator_user_id=command.initiator_user_id,
        parent_run_id=command.parent_run_id,
        parent_step_id=command.parent_step_id,
        parent_attempt=command.parent_attempt,
        depth=command.depth,
        chain=command.chain,
        entity_id=command.entity_id,
        entity_type=command.entity_type,
        input_payload=command.input_payload,
        started_at=now,
        deadline_at=now + timedelta(seconds=timeout) if timeout else None,
    )


def _check_parent(plan: Plan, command: StartRun) -> None:
    """A line of parents is bounded, and a version may be there for the runs of one definition only."""
    if command.depth > MAX_DEPTH:
        raise conflict("run_too_deep", f"a line of parents and children is at most {MAX_DEPTH} runs long")
    trigger = plan.version.trigger
    wanted = trigger.parent_workflow_id if trigger and trigger.trigger_type is TriggerType.WORKFLOW else ""
    if wanted and command.chain[-1:] != (wanted,):
        raise conflict("wrong_parent", f"this version is started by runs of {wanted} only")


def _tell_parent(before: Run | None, turn: Turn) -> None:
    """A child run tells its end, and what it cost after all."""
    run = turn.run
    compensated = any(event.operation in ("compensated", "compensate") for event in turn.events)
    known = before is not None and before.state is run.state and before.total_cost_usd == run.total_cost_usd
    if not run.parent_step_id or not run.state.terminal or (known and not compensated):
        return
    turn.owe_for_run(
        TellParent(
            run_id=run.parent_run_id,
            step_id=run.parent_step_id,
            attempt=run.parent_attempt,
            state=run.state.value,
            output=run.output_payload,
            cost_usd=str(run.total_cost_usd),
            reason=run.failure_reason,
            message=run.failure_message,
            compensated=compensated or (before is not None and before.state is RunState.COMPENSATING),
        )
    )


def _decision(before: Run | None, turn: Turn, verdicts: tuple[Verdict, ...]) -> Decision:
    _tell_parent(before, turn)
    opened, closed = _waits(before, turn)
    return Decision(
        before=before,
        run=turn.run,
        verdicts=verdicts,
        events=tuple(turn.events),
        owed=tuple(turn.owed),
        settled=tuple(turn.settled),
        postponed=tuple(turn.postponed),
        opened=opened,
        closed=closed,
        guards=tuple(turn.guards),
        audits=tuple(turn.audits),
        interactions=tuple(turn.interactions),
    )


def _waits(before: Run | None, turn: Turn) -> tuple[tuple[Wait, ...], tuple[Wait, ...]]:
    """The difference in what the changed steps and items wait to hear."""
    opened: list[Wait] = []
    closed: list[Wait] = []
    known = {**before.steps, **before.items} if before else {}
    for step in turn.everything():
        old = known.get(step.step_id)
        if old is step:
            continue
        definition = turn.planned(step.step_id).definition
        then = addresses(turn.run.id, old, definition) if old else frozenset()
        now = addresses(turn.run.id, step, definition)
        opened += (Wait(step.step_id, address) for address in sorted(now - then))
        closed += (Wait(step.step_id, address) for address in sorted(then - now))
    return tuple(opened), tuple(closed)
