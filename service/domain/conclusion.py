"""What a turn comes to: one decision, with what other runs and the router have to know of it."""

from collections.abc import Iterator

from service.domain import undoing
from service.domain.calls import TellParent
from service.domain.decision import Decision, Verdict, Wait
from service.domain.state import Run, RunState, StepRun
from service.domain.turn import Turn
from service.domain.waits import addresses


def conclude(before: Run | None, turn: Turn, verdicts: tuple[Verdict, ...]) -> Decision:
    """`before` is the run that was read, None for a new one."""
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


def _tell_parent(before: Run | None, turn: Turn) -> None:
    """A child run tells its end, what it cost after all, and how its own compensation went."""
    run, undone = turn.run, _undone(before, turn)
    known = before is not None and before.state is run.state and before.total_cost_usd == run.total_cost_usd
    if not run.parent_step_id or not run.state.terminal or (known and not undone):
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
            undone=undone,
        )
    )


def _undone(before: Run | None, turn: Turn) -> str:
    """`done` or `failed` when a compensation has just come to its end, else empty."""
    told = {event.operation for event in turn.events if event.step is None}
    if "compensated" in told:
        return undoing.DONE
    compensating = "compensate" in told or (before is not None and before.state is RunState.COMPENSATING)
    return undoing.FAILED if compensating and turn.run.state.terminal else ""


def _waits(before: Run | None, turn: Turn) -> tuple[tuple[Wait, ...], tuple[Wait, ...]]:
    """The difference in what the changed steps and items wait to hear."""
    opened: list[Wait] = []
    closed: list[Wait] = []
    for old, step in _changed(before, turn.run):
        definition = turn.planned(step.step_id).definition
        then = addresses(turn.run.id, old, definition) if old else frozenset()
        now = addresses(turn.run.id, step, definition)
        if then != now:
            opened += (Wait(step.step_id, address) for address in sorted(now - then))
            closed += (Wait(step.step_id, address) for address in sorted(then - now))
    return tuple(opened), tuple(closed)


def _changed(before: Run | None, after: Run) -> Iterator[tuple[StepRun | None, StepRun]]:
    """Every step and item that differs, with what it was; mostly one or two of very many."""
    pairs = (
        ((before.steps, after.steps), (before.items, after.items)) if before else (({}, after.steps), ({}, after.items))
    )
    for known, now in pairs:
        if known is not now:
            yield from ((known.get(key), step) for key, step in now.items() if known.get(key) is not step)
