"""What a run is waiting for, step by step, in words that can be acted on.

Derived from the state alone (and from what is owed, for calls that do not get through), so it cannot disagree with it:
whatever could move a step is one `Waiting`, with since when, until when where the clock will move it, and what would
unblock it. Steps that have ended are not mentioned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.definition import Json, Payload, StepType
from service.domain.flow import Fate, fate
from service.domain.plan import Plan
from service.domain.state import Run, RunState, StepRun, StepState
from service.domain.turn import Turn


@dataclass(frozen=True, slots=True)
class Tried:
    """A call that is owed: how often it was tried in vain, what was met last, and when it is tried again."""

    step_id: str
    kind: str
    tries: int
    last_error: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a step waits for. `kind` is a stable word, `what` says which one, `unblock` what would end it."""

    kind: str
    what: str
    unblock: str
    until: datetime | None = None
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepExplained:
    step_id: str
    state: StepState
    since: datetime | None
    waits: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """`summary` is one sentence; `drained` tells of a paused run that nothing is in flight any more."""

    summary: str
    drained: bool
    steps: tuple[StepExplained, ...]


def explain(plan: Plan, run: Run, owed: Sequence[Tried], now: datetime) -> Explained:
    turn = Turn(plan, run, now)
    steps = tuple(
        StepExplained(step.step_id, step.state, step.started_at, tuple(_waits(turn, step, owed)))
        for step in run.steps.values()
        if not step.state.terminal
    )
    return Explained(_summary(run, steps), run.drained, steps)


def _summary(run: Run, steps: Sequence[StepExplained]) -> str:
    if run.state is RunState.PAUSED:
        by = ", ".join(
            f"{said.get('by', source)} ({said.get('reason') or source})" for source, said in run.pauses.items()
        )
        return f"paused by {by}; {'nothing is in flight' if run.drained else 'what is in flight comes home'}"
    if run.state.terminal:
        why = f": {run.failure_message}" if run.failure_message else ""
        return f"the run is {run.state}{why}"
    if run.failing:
        return f"failing ({run.failure_message}); what is in flight comes home first"
    waits = [f"{step.step_id}: {wait.what}" for step in steps for wait in step.waits if step.state.open]
    return "; ".join(waits) or "nothing is waited for"


def _waits(turn: Turn, step: StepRun, owed: Sequence[Tried]) -> Iterable[Waiting]:
    if step.state is StepState.PENDING:
        yield from _before(turn, step)
        return
    yield from _of_type(turn, step)
    for call in owed:
        if call.step_id == step.step_id and call.tries:
            what = f"{call.kind} did not get through, {call.tries} times: {call.last_error}"
            yield Waiting("sibling", what, "the sibling answers", call.due_at)
    if step.deadline_at:
        yield Waiting("timeout", "the attempt's timeout", "nothing: then it is over", step.deadline_at)


def _before(turn: Turn, step: StepRun) -> Iterable[Waiting]:
    """Why a step has not begun (again) yet."""
    if turn.run.state is RunState.PAUSED:
        yield Waiting("pause", "the run is paused", "ResumeRun")
    if step.attempt and step.retry_at:
        what = f"retry {step.retry_count} after: {step.error_message or step.error_reason}"
        yield Waiting("retry", what, "the clock", step.retry_at)
    edges = turn.plan.graph.incoming.get(step.step_id, ())
    before = sorted({edge.from_step_id for edge in edges if fate(turn, edge) is Fate.OPEN})
    if before:
        yield Waiting("predecessors", ", ".join(before), "they end", details={"steps": before})


def _of_type(turn: Turn, step: StepRun) -> Iterable[Waiting]:
    match step.step_type:
        case StepType.AGENT_ACTION:
            yield _of_agent(turn, step)
        case StepType.APPROVAL_GATE | StepType.GOVERNANCE_CHECK:
            yield _of_decision(turn, step)
        case StepType.WAIT_FOR_EVENT:
            yield _of_event(turn, step)
        case StepType.HUMAN_TASK:
            yield _of_person(turn, step)
        case StepType.NOTIFICATION:
            yield Waiting("notification", "the notification is sent", "the notifications service answers")
        case StepType.PARALLEL:
            children = [edge.to_step_id for edge in turn.plan.graph.outgoing.get(step.step_id, ())]
            going = [name for name in children if not turn.step(name).state.terminal]
            yield Waiting("children", ", ".join(going), "they end", details={"steps": going})
        case StepType.BRANCH:
            return


def _of_agent(turn: Turn, step: StepRun) -> Waiting:
    items = turn.items(step.step_id)
    if items:
        ended = sum(item.state.terminal for item in items)
        details: dict[str, Json] = {"items": len(items), "ended": ended}
        return Waiting("items", f"{ended} of {len(items)} items have ended", "the others end", details=details)
    if child := step.evidence.get("child_run_id"):
        return Waiting("run", f"run {child}", "that run ends", details={"run_id": child})
    if "grace" in step.alarms:
        return Waiting("result", "the result of a completed objective", "a report", step.alarms["grace"])
    if step.objective_id:
        details = {"objective_id": step.objective_id, "agent_id": step.agent_id}
        what = f"objective {step.objective_id} of agent {step.agent_id}"
        return Waiting("objective", what, "it ends, or TransitionStep", step.alarms.get("heartbeat"), details)
    return Waiting("preparation", "the objective is being prepared", "the agents and objectives services answer")


def _of_decision(turn: Turn, step: StepRun) -> Waiting:
    if not step.approval_request_id:
        return Waiting("answer", "an answer of governance or approvals", "the sibling answers")
    record, planned = step.evidence.get("approval", {}), turn.planned(step.step_id)
    approver = planned.config.get("approver_user_id", "")
    details = {"approval_request_id": step.approval_request_id, "approver": approver, **record}
    by = f" by {approver}" if approver else ""
    return Waiting("approval", f"approval {step.approval_request_id}{by}", "a decision", details=details)


def _of_event(turn: Turn, step: StepRun) -> Waiting:
    planned = turn.planned(step.step_id)
    wanted = {
        "type": planned.definition.event_type_pattern,
        "subject": planned.definition.event_subject_pattern,
        "filter": planned.config.get("filter_expr", ""),
        "correlate": planned.config.get("correlate", {}),
    }
    pattern = wanted["type"] or wanted["subject"]
    if not pattern:
        return Waiting("delay", "the time to pass", "the clock", step.deadline_at)
    return Waiting("event", f"an event {pattern}", "such an event", details={k: v for k, v in wanted.items() if v})


def _of_person(turn: Turn, step: StepRun) -> Waiting:
    task = turn.run.tasks.get(step.step_id)
    if task is None:
        return Waiting("person", "somebody", "TransitionStep")
    who = task.claimed_by or task.assignee or task.group or "anybody"
    details = {"task_id": f"{turn.run.id}/{step.step_id}", "status": task.status.value}
    return Waiting("person", f"{who}: {task.title}", "CompleteTask or RejectTask", task.due_at, details)
